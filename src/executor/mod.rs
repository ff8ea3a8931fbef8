//! What runs a task: one trait, one module for each kind.

mod circuit_check;
pub mod circuit_report;
pub mod command;
mod crash;
mod log_buffer;
pub mod mock;
mod simulator;

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::domain::settlement::{Failure, Outcome};
use crate::domain::task::Assignment;

pub use circuit_check::CircuitCheck;
pub use command::Command;
pub use crash::crashed;
pub use log_buffer::{LogBatch, LogBuffer};
pub use mock::Mock;
pub use simulator::{CIRCUITS_ONLY, Simulator};

/// How an executor learns that it is to stop, and where it says what it does.
#[derive(Debug, Clone)]
pub struct Control {
    /// Cancelled when the result is not wanted any more: the task was cancelled, the lease lost,
    /// the worker shut down.
    pub stop: CancellationToken,
    /// Cancelled when the time for an orderly end is over as well: [`Executor::stop_grace`] after
    /// `stop`, or sooner.
    pub kill: CancellationToken,
    /// When the attempt's time is over.
    pub deadline: Instant,
    /// Log lines and progress.
    pub log_buffer: LogBuffer,
}

/// Runs tasks of one backend.
pub trait Executor: Send + Sync {
    /// Runs one attempt to its end: a result or the reason why there is none.
    ///
    /// It runs on an async thread: long computations belong on a blocking one. It must end soon
    /// after [`Control::kill`]; what it answers after [`Control::stop`] is not used.
    fn execute<'a>(
        &'a self,
        assignment: &'a Assignment,
        control: Control,
    ) -> BoxFuture<'a, Result<Outcome, Failure>>;

    /// The time that it wants between [`Control::stop`] and [`Control::kill`].
    fn stop_grace(&self) -> Duration {
        Duration::ZERO
    }
}
