//! The delay before the next attempt to connect.

use std::time::Duration;

use crate::domain::backoff::Backoff;

/// A session that lasted this long resets the backoff.
const STEADY: Duration = Duration::from_secs(5);

/// A series of growing delays.
#[derive(Debug, Default)]
pub(super) struct ReconnectBackoff {
    failures: u32,
}

impl ReconnectBackoff {
    /// Returns the next delay, after a session that lasted for `lasted` (zero if there was none).
    pub(super) fn next(&mut self, lasted: Duration) -> Duration {
        if lasted >= STEADY {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        Backoff::RECONNECT.delay(self.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_session_starts_the_waits_anew() {
        let mut backoff = ReconnectBackoff::default();
        let long = (0..50)
            .map(|_| backoff.next(Duration::ZERO))
            .last()
            .unwrap();
        assert!(long >= Backoff::RECONNECT.cap / 2, "{long:?}");
        assert!(backoff.next(STEADY) <= Backoff::RECONNECT.base);
    }
}
