//! Why a run ends early.

use crate::error::Diagnostic;
use crate::resources::stop::Stopped;

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum RunError {
    Wrong(Diagnostic),
    Resource(String),
    Stopped(Stopped),
}

impl From<Stopped> for RunError {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl RunError {
    /// A mistake of the program at this position.
    pub(crate) fn wrong(at: u32, message: impl Into<String>) -> Self {
        Self::Wrong(Diagnostic::new(at, message))
    }

    /// A limit that the program exceeds at this position.
    pub(crate) fn limit(at: u32, message: impl Into<String>) -> Self {
        Self::Wrong(Diagnostic::limit(at, message))
    }
}

/// The result of a step of a run.
pub(crate) type Running<T> = Result<T, RunError>;
