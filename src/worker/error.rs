//! Why a worker ended.

/// Why a worker ended without being asked to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WorkerError {
    /// Another process registered under the same name.
    #[error("another worker has registered under the name `{0}`: each needs a name of its own")]
    Replaced(String),
    /// Its command to set up failed; nothing was claimed.
    #[error("the set-up failed: {0}")]
    SetUpFailed(String),
    /// A part of the worker ended that should not have: a defect.
    #[error("the worker's {0} broke down")]
    BrokeDown(&'static str),
}
