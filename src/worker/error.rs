//! Why a worker ended.

/// Why a worker ended without a request to stop.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WorkerError {
    /// Another process registered under the same name.
    #[error("another worker has registered under the name `{0}`: each needs a name of its own")]
    Replaced(String),
    /// Another living process has its name.
    #[error(
        "a worker named `{0}` is alive: give this one another --name, stop the other, or take over its name with --replace"
    )]
    NameInUse(String),
    /// Its set-up command failed; nothing was claimed.
    #[error("the set-up failed: {0}")]
    SetUpFailed(String),
    /// A part of the worker ended unexpectedly: a defect.
    #[error("the worker's {0} broke down")]
    BrokeDown(&'static str),
}
