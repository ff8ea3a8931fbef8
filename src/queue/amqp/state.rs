//! What the rest of the program may know of a link to the broker.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// The state of a publisher or a consumer. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Connecting for the first time, or setting up again what a live connection carries.
    Connecting,
    /// Usable: a publisher's confirms arrive; a consumer really consumes from all its queues.
    Up,
    /// Connected, but the broker does not take publishes (memory or disk alarm, or it hangs).
    Blocked {
        /// What was seen, in words.
        reason: Arc<str>,
    },
    /// Not usable; attempts go on in the background.
    Down {
        /// What was seen, in words.
        reason: Arc<str>,
        /// Since when it has been down without a break.
        since: Instant,
    },
    /// A consumer that was told to pause.
    Paused,
    /// Shut down for good.
    Closed,
}

impl LinkState {
    /// True when work can go through.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }

    /// `Down` for `reason`; one that follows another keeps the time of the first.
    pub(super) fn down_after(previous: &Self, reason: &str) -> Self {
        let since = match previous {
            Self::Down { since, .. } => *since,
            _ => Instant::now(),
        };
        Self::Down {
            reason: reason.into(),
            since,
        }
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Up => f.write_str("up"),
            Self::Blocked { reason } => write!(f, "blocked: {reason}"),
            Self::Down { reason, .. } => write!(f, "down: {reason}"),
            Self::Paused => f.write_str("paused"),
            Self::Closed => f.write_str("closed"),
        }
    }
}
