//! The state of a link to the broker, as the rest of the program observes it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// The state of a publisher or a consumer. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Connecting for the first time, or declaring and consuming again on a live connection.
    Connecting,
    /// Usable: a publisher's confirms arrive; a consumer consumes from all its queues.
    Up,
    /// Connected, but the broker does not accept publishes (memory or disk alarm, or it hangs).
    Blocked {
        /// The reason, as text.
        reason: Arc<str>,
    },
    /// Not usable; reconnecting continues in the background.
    Down {
        /// The reason, as text.
        reason: Arc<str>,
        /// When it became unusable; unchanged by failed attempts to reconnect.
        since: Instant,
    },
    /// A consumer that was paused.
    Paused,
    /// Shut down permanently.
    Closed,
}

impl LinkState {
    /// True when messages can be published or consumed.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }

    /// `Down` for `reason`; if the link was already down, `since` is kept.
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
