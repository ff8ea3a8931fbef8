//! The end of an attempt.

use super::running::StopReason;
use crate::domain::settlement::{Failure, Outcome};

/// How an attempt ended.
pub enum AttemptEnd {
    Finished(Result<Outcome, Failure>),
    Stopped(StopReason),
    /// It did not begin: no slot became free in time.
    NoSlot,
}
