//! The settings of a command backend.

use std::ffi::OsString;
use std::time::Duration;

use super::Program;

/// The backend of one program.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program to run.
    pub program: Program,
    /// Variables of the worker's environment that the program receives in addition to the standard ones.
    pub environment: Vec<(OsString, OsString)>,
    /// How long the program may take to end after SIGTERM.
    pub grace: Duration,
    /// Set for every process of this worker, so that the watchdog finds them when the worker has ended.
    pub mark: String,
}
