//! Counts spans that are dropped, and warns of them once a minute at most.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::metrics;

/// The shortest time between two warnings.
const WARN_INTERVAL: Duration = Duration::from_mins(1);

/// The spans that were dropped since the last warning, and those that wait.
#[derive(Debug, Default)]
pub struct Losses {
    pending: AtomicUsize,
    unreported: Mutex<Unreported>,
}

#[derive(Debug, Default)]
struct Unreported {
    dropped: usize,
    reason: String,
    warned_at: Option<Instant>,
}

impl Losses {
    /// Counts a span that waits to be sent.
    pub fn add_pending(&self) {
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts spans that the collector has accepted.
    pub fn sent(&self, count: usize) {
        self.pending.fetch_sub(count, Ordering::Relaxed);
        metrics::spans_exported(count as u64);
    }

    /// Counts spans that waited and were dropped.
    pub fn dropped(&self, count: usize, reason: &str) {
        self.pending.fetch_sub(count, Ordering::Relaxed);
        self.refused(count, reason);
    }

    /// Counts spans that were dropped without having waited.
    pub fn refused(&self, count: usize, reason: &str) {
        if count == 0 {
            return;
        }
        metrics::spans_dropped(count as u64);
        let mut unreported = self.lock();
        unreported.dropped += count;
        // The first reason, which the others follow from.
        if unreported.reason.is_empty() {
            reason.clone_into(&mut unreported.reason);
        }
    }

    /// Counts all spans that still wait as dropped.
    pub fn drop_pending(&self, reason: &str) {
        self.dropped(self.pending.load(Ordering::Relaxed), reason);
    }

    /// Warns of spans dropped since the last warning, unless that is less than a minute ago.
    pub fn report(&self) {
        let mut unreported = self.lock();
        let warned_at = unreported.warned_at;
        if unreported.dropped > 0 && warned_at.is_none_or(|at| at.elapsed() >= WARN_INTERVAL) {
            unreported.warn();
        }
    }

    /// Warns of all spans dropped since the last warning.
    pub fn report_all(&self) {
        let mut unreported = self.lock();
        if unreported.dropped > 0 {
            unreported.warn();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Unreported> {
        self.unreported
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unreported {
    fn warn(&mut self) {
        let (dropped, reason) = (self.dropped, &self.reason);
        warn!(
            event = "traces.spans_dropped",
            dropped, reason, "spans dropped: the collector did not take them"
        );
        self.dropped = 0;
        self.reason.clear();
        self.warned_at = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dropped_span_is_counted_until_a_warning() {
        let losses = Losses::default();
        (0..10).for_each(|_| losses.add_pending());
        losses.sent(3);
        losses.dropped(2, "no answer");
        losses.refused(4, "queue full");
        assert_eq!(losses.lock().dropped, 6);
        losses.report();
        assert_eq!(losses.lock().dropped, 0);
        losses.drop_pending("ended");
        losses.report();
        assert_eq!(losses.lock().dropped, 5, "a second warning within a minute");
        losses.report_all();
        assert_eq!(losses.lock().dropped, 0);
        losses.drop_pending("ended");
        assert_eq!(losses.lock().dropped, 0);
    }
}
