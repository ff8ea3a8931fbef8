//! The queues that were declared since the last connect.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::message::OutgoingMessage;

/// Maximum number of declared queues to remember.
const MAX_DECLARED: usize = 10_000;

/// The backends whose queue was declared since the last connect.
#[derive(Default)]
pub(super) struct Declared(Mutex<HashSet<String>>);

impl Declared {
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn insert(&self, backend: &str) {
        let mut declared = self.lock();
        // Evicted queues are declared again, which changes nothing.
        if declared.len() >= MAX_DECLARED {
            declared.clear();
        }
        declared.insert(backend.to_owned());
    }

    pub(super) fn contains(&self, backend: &str) -> bool {
        self.lock().contains(backend)
    }

    pub(super) fn forget(&self, messages: &[OutgoingMessage]) {
        let mut declared = self.lock();
        for message in messages {
            declared.remove(&message.backend);
        }
    }

    pub(super) fn missing(&self, messages: &[OutgoingMessage]) -> HashSet<String> {
        let declared = self.lock();
        let backends = messages.iter().map(|message| &message.backend);
        backends
            .filter(|backend| !declared.contains(*backend))
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
