//! Many workers wait for the same few tasks: one who finds nothing has looked for all of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// How many claims over HTTP are under way at once; the rest wait in line. One more than can run leaves
/// no pause between two.
const MAX_CONCURRENT_CLAIMS: usize = 2;
/// How many sets of backends are remembered.
const MAX_KEPT: usize = 1_000;

/// Whose turn it is to look, and what was found empty.
#[derive(Debug)]
pub struct EmptyClaimCache {
    turns: Semaphore,
    known_empty: Mutex<HashMap<Vec<String>, EmptyClaim>>,
}

/// A look that found nothing.
#[derive(Debug, Clone, Copy)]
struct EmptyClaim {
    /// The last signal before it.
    signal: u64,
    began: Instant,
}

impl Default for EmptyClaimCache {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(MAX_CONCURRENT_CLAIMS),
            known_empty: Mutex::default(),
        }
    }
}

impl EmptyClaimCache {
    /// Waits in line, so that tasks are spread over those who wait. None cannot be: the line is never
    /// closed.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Whether somebody has looked for these backends after the signal, and less than `max_age` ago, and
    /// found nothing.
    pub fn is_known_empty(&self, backends: &[String], signal: u64, max_age: Duration) -> bool {
        let known_empty = self
            .known_empty
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known_empty
            .get(backends)
            .is_some_and(|look| look.signal >= signal && look.began.elapsed() < max_age)
    }

    /// Notes a look that found nothing.
    pub fn record_empty(&self, backends: &[String], signal: u64, began: Instant) {
        let mut known_empty = self
            .known_empty
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if known_empty.len() >= MAX_KEPT {
            known_empty.clear();
        }
        known_empty.insert(backends.to_vec(), EmptyClaim { signal, began });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(1);

    #[test]
    fn a_look_in_vain_counts_for_others_until_the_next_signal_or_for_a_moment() {
        let empty_claims = EmptyClaimCache::default();
        let (mine, other) = (vec!["a".to_owned()], vec!["b".to_owned()]);
        assert!(!empty_claims.is_known_empty(&mine, 0, MAX_AGE));
        empty_claims.record_empty(&mine, 3, Instant::now());
        assert!(empty_claims.is_known_empty(&mine, 3, MAX_AGE));
        assert!(!empty_claims.is_known_empty(&mine, 4, MAX_AGE));
        assert!(!empty_claims.is_known_empty(&other, 3, MAX_AGE));
        assert!(!empty_claims.is_known_empty(&mine, 3, Duration::ZERO));
    }
}
