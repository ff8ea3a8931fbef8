//! What the owner of an attempt is told about the move that it asked for.

use std::sync::Arc;

use crate::domain::settlement::Settlement;
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

/// A settlement on its way, and who counts it.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) settlement: Arc<Settlement>,
    /// Whether the move adds to the counters of the owner's session, in the same statement: of owners that
    /// do not count by themselves.
    pub(super) is_counted: bool,
}

/// The answer to a `Report`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What became of the move.
    pub settled: Settled,
    /// The task's, where this made the move.
    pub correlation_id: Option<String>,
}
