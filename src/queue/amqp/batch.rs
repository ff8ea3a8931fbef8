//! The messages of one `publish` call and the outcome of each.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::error::PublishError;

type PublishOutcome = Result<(), PublishError>;

/// Filled by the publishing task and the confirms; awaited by the caller.
pub(super) struct PublishBatch {
    state: Mutex<PublishBatchState>,
    complete: Notify,
}

struct PublishBatchState {
    outcomes: Vec<Option<PublishOutcome>>,
    open: usize,
}

impl PublishBatch {
    pub(super) fn new(messages: usize) -> Self {
        Self {
            state: Mutex::new(PublishBatchState {
                outcomes: vec![None; messages],
                open: messages,
            }),
            complete: Notify::new(),
        }
    }

    /// Records the outcome of one message; the first one counts.
    pub(super) fn settle(&self, index: usize, outcome: PublishOutcome) {
        let mut state = self.lock();
        match state.outcomes.get_mut(index) {
            Some(slot @ None) => *slot = Some(outcome),
            _ => return,
        }
        state.open -= 1;
        if state.open == 0 {
            self.complete.notify_one();
        }
    }

    /// False for a message that need not be sent: its outcome is known, or the caller was dropped.
    pub(super) fn wants(&self, index: usize) -> bool {
        matches!(self.lock().outcomes.get(index), Some(None))
    }

    /// Settles all messages that have no outcome yet.
    pub(super) fn fail(&self, error: &PublishError) {
        let messages = self.lock().outcomes.len();
        for index in 0..messages {
            self.settle(index, Err(error.clone()));
        }
    }

    /// Waits until all messages are settled, at most until `deadline`.
    pub(super) async fn wait(&self, deadline: Instant) -> Vec<PublishOutcome> {
        if self.lock().open > 0 {
            let _ = timeout_at(deadline, self.complete.notified()).await;
        }
        self.take()
    }

    /// The outcomes so far, in order; a message without an outcome has timed out.
    pub(super) fn take(&self) -> Vec<PublishOutcome> {
        let outcomes = std::mem::take(&mut self.lock().outcomes);
        let timed_out = || Err(PublishError::ConfirmTimeout);
        outcomes
            .into_iter()
            .map(|o| o.unwrap_or_else(timed_out))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, PublishBatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
