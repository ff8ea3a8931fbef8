//! How long to wait before the next attempt: exponential, with full jitter.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// Full jitter may draw zero; a broker that refuses at once must not be asked in a tight loop.
const SHORTEST: Duration = Duration::from_millis(20);
/// A session that lasted this long starts the series anew.
const STEADY: Duration = Duration::from_secs(5);

/// A series of waiting times between 20 ms and at most 100 ms, 200 ms, ... 5 s.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next waiting time, after a session that lasted for `lasted` (zero if there was none).
    pub(super) fn next(&mut self, lasted: Duration) -> Duration {
        if lasted >= STEADY {
            self.failures = 0;
        }
        let ceiling = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(rand::random::<f64>()).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_seconds_and_a_steady_session_resets_them() {
        let mut backoff = Backoff::default();
        for attempt in 0..50_u32 {
            let ceiling = FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST);
            let wait = backoff.next(Duration::ZERO);
            assert!(wait >= SHORTEST && wait <= ceiling, "{attempt}: {wait:?}");
        }
        assert!(backoff.next(STEADY) <= FIRST);
    }
}
