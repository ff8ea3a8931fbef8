//! The statuses of a task and the transitions between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The status of a task. There is no general "set status": each transition below is one guarded statement in
/// `store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted and never claimed. In: submission. Out: a claim, a cancel.
    Pending,
    /// A worker's session owns it. In: a claim. Out: the owner's settlement, or the sweep if the owner's lease has
    /// expired.
    Processing,
    /// Waits for another attempt. In: a transient failure, a lost worker, a release. Out: a claim,
    /// a cancel.
    Retrying,
    /// Terminal: the owner delivered a result.
    Completed,
    /// Terminal: a permanent error, a timeout, or no attempts left. The reason is the task's error
    /// code.
    Failed,
    /// Terminal: stopped on request.
    Cancelled,
}

impl Status {
    /// All statuses, in the order of a task's life.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Processing,
        Self::Retrying,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name used in SQL and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a task in this status never changes again.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether a task in this status waits for a worker.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Pending | Self::Retrying)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is not the name of a status.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a status; use one of pending, processing, retrying, completed, failed, cancelled"
)]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(name: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
            .ok_or_else(|| UnknownStatus(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_found_again_by_its_name() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert_eq!(
            "done".parse::<Status>(),
            Err(UnknownStatus("done".to_owned()))
        );
    }

    #[test]
    fn a_status_is_waiting_or_running_or_terminal_and_never_two_of_them() {
        for status in Status::ALL {
            let running = status == Status::Processing;
            assert_eq!(
                u8::from(status.is_waiting()) + u8::from(running) + u8::from(status.is_terminal()),
                1
            );
        }
    }
}
