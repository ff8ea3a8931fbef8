//! What a command backend runs, and how.

use std::ffi::OsString;
use std::time::Duration;

use super::Program;

/// The backend of one program.
#[derive(Debug, Clone)]
pub struct Command {
    /// What is run.
    pub program: Program,
    /// What the program sees of the worker's environment, beside what every program sees.
    pub environment: Vec<(OsString, OsString)>,
    /// How long it may take to end once it was told to.
    pub grace: Duration,
    /// Set for every process of this worker, so that they can be found when it is gone.
    pub mark: String,
}
