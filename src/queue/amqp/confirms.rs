//! The published messages that the broker has not confirmed yet.
//!
//! Delivery tags on a channel in confirm mode count its publishes from 1. The one task that publishes
//! assigns the tags; the answers come from the channel's callbacks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use uuid::Uuid;

use super::batch::PublishBatch;
use super::error::PublishError;
use crate::metrics;

/// Maximum number of unconfirmed messages. Below the 8192 frames that the client library buffers, so that
/// passing a message to it never waits.
pub(super) const MAX_UNCONFIRMED: usize = 4096;

/// The unconfirmed messages of one channel.
pub(super) struct Confirms {
    window: Mutex<ConfirmWindow>,
    changed: Notify,
}

struct ConfirmWindow {
    /// Tag of the front entry.
    first: u64,
    /// From the oldest unconfirmed tag to the newest; `None` where already confirmed.
    entries: VecDeque<Option<PendingConfirm>>,
    /// Time of the broker's last confirm, or of the first unconfirmed publish.
    progress: Instant,
}

struct PendingConfirm {
    batch: Arc<PublishBatch>,
    index: usize,
    task_id: Uuid,
    returned: bool,
}

impl Confirms {
    pub(super) fn new() -> Self {
        Self {
            window: Mutex::new(ConfirmWindow {
                first: 1,
                entries: VecDeque::new(),
                progress: Instant::now(),
            }),
            changed: Notify::new(),
        }
    }

    /// Registers the next publish of the channel. Must be called in the order of publishing.
    pub(super) fn expect(&self, batch: &Arc<PublishBatch>, index: usize, task_id: Uuid) {
        let mut window = self.lock();
        if window.entries.is_empty() {
            window.progress = Instant::now();
        }
        window.entries.push_back(Some(PendingConfirm {
            batch: Arc::clone(batch),
            index,
            task_id,
            returned: false,
        }));
        metrics::broker_unconfirmed(window.entries.len());
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().entries.len() >= MAX_UNCONFIRMED
    }

    /// Time since which no confirm has arrived while messages are unconfirmed; `None` without unconfirmed messages.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let window = self.lock();
        (!window.entries.is_empty()).then_some(window.progress)
    }

    /// Returns after the next confirm, or at once if one arrived since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// `basic.ack`: the broker is responsible for the message, unless it returned the message before.
    pub(super) fn acked(&self, tag: u64, multiple: bool) {
        self.settle(tag, multiple, None);
    }

    /// `basic.nack`: the broker could not handle the message.
    pub(super) fn nacked(&self, tag: u64, multiple: bool) {
        self.settle(tag, multiple, Some(&PublishError::Nacked));
    }

    /// `basic.return`, which precedes the confirm of the same message. If a task is in flight twice, it
    /// refers to the older copy, because a channel is processed in order.
    pub(super) fn returned(&self, task_id: Uuid) {
        let mut window = self.lock();
        let mut waiting = window.entries.iter_mut().flatten();
        if let Some(entry) = waiting.find(|e| e.task_id == task_id && !e.returned) {
            entry.returned = true;
        }
    }

    /// Fails all unconfirmed messages; later confirms are ignored.
    pub(super) fn fail_all(&self, error: &PublishError) {
        let mut window = self.lock();
        let entries = std::mem::take(&mut window.entries);
        window.first += entries.len() as u64;
        metrics::broker_unconfirmed(0);
        drop(window);
        for entry in entries.into_iter().flatten() {
            entry.batch.settle(entry.index, Err(error.clone()));
        }
        self.changed.notify_one();
    }

    fn settle(&self, tag: u64, multiple: bool, error: Option<&PublishError>) {
        let mut window = self.lock();
        // A multiple confirm of tag 0 covers all publishes so far (AMQP 0-9-1, basic.ack).
        let last = match tag {
            0 => window.first + window.entries.len() as u64,
            tag => tag,
        };
        let Some(offset) = last.checked_sub(window.first) else {
            return;
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let start = if multiple { 0 } else { offset };
        let count = offset.saturating_add(1).min(window.entries.len());
        for slot in window.entries.iter_mut().take(count).skip(start) {
            if let Some(entry) = slot.take() {
                entry.finish(error);
            }
        }
        while let Some(None) = window.entries.front() {
            window.entries.pop_front();
            window.first += 1;
        }
        window.progress = Instant::now();
        metrics::broker_unconfirmed(window.entries.len());
        drop(window);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, ConfirmWindow> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingConfirm {
    fn finish(self, error: Option<&PublishError>) {
        let outcome = match error {
            Some(error) => Err(error.clone()),
            None if self.returned => Err(PublishError::Unroutable),
            None => Ok(()),
        };
        self.batch.settle(self.index, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five() -> (Confirms, Arc<PublishBatch>, Vec<Uuid>) {
        let confirms = Confirms::new();
        let batch = Arc::new(PublishBatch::new(5));
        let ids: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
        for (index, id) in ids.iter().enumerate() {
            confirms.expect(&batch, index, *id);
        }
        (confirms, batch, ids)
    }

    #[test]
    fn a_multiple_confirm_settles_everything_up_to_its_tag() {
        let (confirms, batch, _) = five();
        confirms.acked(2, false);
        confirms.acked(4, true);
        confirms.nacked(5, false);
        assert_eq!(batch.take()[..4], vec![Ok(()); 4]);
        assert!(confirms.waiting_since().is_none());
    }

    #[test]
    fn tag_zero_confirms_all() {
        let (confirms, batch, _) = five();
        confirms.acked(0, true);
        assert_eq!(batch.take(), vec![Ok(()); 5]);
    }

    #[test]
    fn confirms_out_of_order_reach_their_own_messages() {
        let (confirms, batch, _) = five();
        confirms.nacked(3, false);
        confirms.acked(5, false);
        confirms.acked(1, false);
        let outcomes = batch.take();
        assert_eq!(outcomes[0], Ok(()));
        assert_eq!(outcomes[1], Err(PublishError::ConfirmTimeout));
        assert_eq!(outcomes[2], Err(PublishError::Nacked));
        assert_eq!(outcomes[4], Ok(()));
        assert!(confirms.waiting_since().is_some());
    }

    #[test]
    fn a_returned_message_is_unroutable_although_it_is_acked() {
        let (confirms, batch, ids) = five();
        confirms.returned(ids[1]);
        confirms.acked(5, true);
        let outcomes = batch.take();
        assert_eq!(outcomes[0], Ok(()));
        assert_eq!(outcomes[1], Err(PublishError::Unroutable));
        assert_eq!(outcomes[2], Ok(()));
    }

    #[test]
    fn unknown_and_repeated_tags_change_nothing() {
        let (confirms, batch, _) = five();
        confirms.acked(2, true);
        confirms.acked(1, false);
        confirms.acked(99, false);
        confirms.fail_all(&PublishError::ConnectionLost);
        confirms.acked(5, true);
        let outcomes = batch.take();
        assert_eq!(outcomes[..2], [Ok(()), Ok(())]);
        assert_eq!(outcomes[2..], vec![Err(PublishError::ConnectionLost); 3]);
    }
}
