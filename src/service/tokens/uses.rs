//! Records when tokens were used, beside the requests.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::warn;

use crate::store::Store;

/// The use of a token is written once in this time.
const WRITE_INTERVAL: Duration = Duration::from_mins(1);
/// The delay between two statements.
const PAUSE: Duration = Duration::from_secs(1);

/// Uses of tokens that are to be written.
#[derive(Debug, Default)]
pub(super) struct TokenUses {
    uses: Mutex<Uses>,
    has_unwritten: Notify,
}

#[derive(Debug, Default)]
struct Uses {
    /// When a use of each token was last handed to the writer; older entries are removed with each write.
    noted: HashMap<String, Instant>,
    unwritten: HashSet<String>,
}

impl TokenUses {
    /// Notes that a valid token was used: the number of entries is bounded by that of tokens.
    pub(super) fn note(&self, token_id: &str) {
        let mut uses = self.lock();
        let is_recent = |at: &Instant| at.elapsed() < WRITE_INTERVAL;
        if uses.noted.get(token_id).is_some_and(is_recent) {
            return;
        }
        uses.noted.insert(token_id.to_owned(), Instant::now());
        uses.unwritten.insert(token_id.to_owned());
        self.has_unwritten.notify_one();
    }

    fn take(&self) -> Vec<String> {
        let mut uses = self.lock();
        uses.noted.retain(|_, at| at.elapsed() < WRITE_INTERVAL);
        uses.unwritten.drain().collect()
    }

    /// Writes the uses until dropped. A use that cannot be written is lost: the next one is written a minute later.
    pub(super) async fn write(&self, store: &Store) {
        loop {
            self.has_unwritten.notified().await;
            let token_ids = self.take();
            if let Err(error) = store.record_token_uses(&token_ids).await {
                warn!(
                    event = "token.uses_unwritten", tokens = token_ids.len(), %error,
                    "uses of tokens could not be written"
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        // No code under this lock can panic between two related changes.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uses_of_a_minute_are_written_once() {
        let uses = TokenUses::default();
        for token_id in ["a", "b", "a"] {
            uses.note(token_id);
        }
        let mut written = uses.take();
        written.sort();
        assert_eq!(written, ["a", "b"]);
        uses.note("a");
        assert_eq!(uses.take(), Vec::<String>::new());
    }
}
