//! What the owner of an attempt is told about the move that it asked for.

use crate::domain::status::Status;

/// The answer to a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The task moved to this status now.
    Moved(Status),
    /// The owner had made this move before, and the answer was lost on the way: the task is in, or
    /// went on from, this status.
    Already(Status),
    /// The owner lost the task before this; nothing was changed.
    LeaseLost,
}
