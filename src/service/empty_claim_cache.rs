//! Many workers wait for the same few tasks: one claim that finds none answers for all of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Maximum number of concurrent claims over HTTP; further claims queue. Two, because with one the database
/// would be idle between two claims.
const MAX_CONCURRENT_CLAIMS: usize = 2;
/// Maximum number of backend sets to remember.
const MAX_KEPT: usize = 1_000;

/// The permits to claim, and the backends whose claims found nothing.
#[derive(Debug)]
pub struct EmptyClaimCache {
    turns: Semaphore,
    known_empty: Mutex<HashMap<Vec<String>, EmptyClaim>>,
}

/// A claim that found nothing.
#[derive(Debug, Clone, Copy)]
struct EmptyClaim {
    /// The last signal before the claim.
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
    /// Waits for a permit, so that tasks are spread over the waiting claims. Never `None`: the semaphore is
    /// never closed.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Whether a claim for these backends found nothing, after the signal and less than `max_age`
    /// ago.
    pub fn is_known_empty(&self, backends: &[String], signal: u64, max_age: Duration) -> bool {
        let known_empty = self
            .known_empty
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known_empty
            .get(backends)
            .is_some_and(|look| look.signal >= signal && look.began.elapsed() < max_age)
    }

    /// Records a claim that found nothing.
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
