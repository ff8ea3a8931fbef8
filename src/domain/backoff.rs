//! Exponential backoff with full jitter, for task retries and for reconnects.

use std::time::Duration;

/// Delays that double from `base` up to `cap`, each drawn uniformly between half of it and the whole.
///
/// The fixed half prevents immediate retries; the random half keeps clients that failed together from retrying
/// together.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first delay.
    pub base: Duration,
    /// The maximum delay.
    pub cap: Duration,
}

impl Backoff {
    /// For connections to PostgreSQL or RabbitMQ: 100 ms to 5 s.
    pub const RECONNECT: Self = Self {
        base: Duration::from_millis(100),
        cap: Duration::from_secs(5),
    };

    /// The delay after `failures` failures in a row (1 for the first).
    pub fn delay(self, failures: u32) -> Duration {
        let doubled = self
            .base
            .saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.cap).mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_keep_at_least_half() {
        let backoff = Backoff {
            base: Duration::from_secs(1),
            cap: Duration::from_mins(1),
        };
        for (failures, whole) in [(1, 1), (2, 2), (3, 4), (7, 60), (1_000, 60)] {
            let whole = Duration::from_secs(whole);
            for _ in 0..100 {
                let delay = backoff.delay(failures);
                assert!(
                    delay >= whole / 2 && delay <= whole,
                    "{delay:?} after {failures} failures"
                );
            }
        }
    }
}
