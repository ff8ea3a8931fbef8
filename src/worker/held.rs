//! Why a worker claims no tasks at present: it drains, or it is in quarantine.

use std::time::{Duration, Instant};

/// The state that the intakes, the heartbeat and the quarantine share.
#[derive(Debug, Clone, Default)]
pub struct Held {
    draining: bool,
    quarantine: Option<QuarantineEnd>,
    /// Consecutive attempts that failed because of the worker's environment.
    blamed: u32,
    /// When this process last changed the quarantine; the answer to an earlier heartbeat does not include that.
    judged_at: Option<Instant>,
}

#[derive(Debug, Clone)]
struct QuarantineEnd {
    ends_at: Instant,
    reason: String,
}

impl Held {
    /// Whether the worker must not claim tasks.
    pub const fn holds(&self) -> bool {
        self.draining || self.quarantine.is_some()
    }

    /// Whether the worker is in quarantine.
    pub const fn is_quarantined(&self) -> bool {
        self.quarantine.is_some()
    }

    /// When the backoff of the quarantine ends.
    pub fn backoff_ends_at(&self) -> Option<Instant> {
        self.quarantine.as_ref().map(|backoff| backoff.ends_at)
    }

    /// Whether a success must be reported: earlier attempts failed because of the worker's environment.
    pub const fn is_blamed(&self) -> bool {
        self.blamed > 0 || self.quarantine.is_some()
    }

    /// The reason for the health report.
    pub fn not_ready_reason(&self) -> Option<String> {
        match &self.quarantine {
            _ if self.draining => Some("draining: it takes no more tasks".to_owned()),
            Some(backoff) => Some(format!("quarantined: {}", backoff.reason)),
            None => None,
        }
    }

    /// Sets whether the session that has begun drains.
    pub const fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// Records the answer to a heartbeat sent at that time; true if it changes whether tasks are claimed.
    pub fn note_heartbeat(
        &mut self,
        sent: Instant,
        draining: bool,
        quarantine: Option<Duration>,
    ) -> bool {
        let before = (self.draining, self.is_quarantined());
        self.draining = draining;
        let is_news = self.judged_at.is_none_or(|judged_at| judged_at < sent);
        match quarantine.filter(|_| is_news) {
            Some(left) if self.quarantine.is_none() => {
                let reason = "attempts in a row failed for its environment".to_owned();
                let ends_at = Instant::now() + left;
                self.quarantine = Some(QuarantineEnd { ends_at, reason });
            }
            None if is_news && self.is_quarantined() => self.clear(),
            _ => {}
        }
        before != (self.draining, self.is_quarantined())
    }

    /// Records a failure of the worker's environment, and the backoff that the registry returned, if any.
    pub fn blame(&mut self, reason: &str, quarantine: Option<Duration>) {
        self.blamed += 1;
        self.judged_at = Some(Instant::now());
        self.quarantine = quarantine.map(|left| QuarantineEnd {
            ends_at: Instant::now() + left,
            reason: reason.to_owned(),
        });
    }

    /// Records that the registry ended the quarantine.
    pub fn absolve(&mut self) {
        self.judged_at = Some(Instant::now());
        self.clear();
    }

    fn clear(&mut self) {
        self.blamed = 0;
        self.quarantine = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Option<Duration> = Some(Duration::from_mins(1));

    #[test]
    fn a_heartbeat_from_before_a_failure_does_not_end_its_quarantine() {
        let mut held = Held::default();
        let sent = Instant::now();
        held.blame("x", BACKOFF);
        assert!(!held.note_heartbeat(sent, false, None) && held.is_quarantined());
        assert!(held.note_heartbeat(Instant::now(), false, None) && !held.holds());
    }

    #[test]
    fn a_heartbeat_brings_a_quarantine_whose_answer_was_lost() {
        let mut held = Held::default();
        assert!(held.note_heartbeat(Instant::now(), false, BACKOFF));
        assert!(held.is_quarantined() && held.is_blamed());
        assert!(!held.note_heartbeat(Instant::now(), false, BACKOFF));
    }

    #[test]
    fn a_failure_that_begins_no_quarantine_holds_nothing() {
        let mut held = Held::default();
        held.blame("x", None);
        assert!(!held.holds() && held.is_blamed());
        held.absolve();
        assert!(!held.is_blamed());
    }
}
