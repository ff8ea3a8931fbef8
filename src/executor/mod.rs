//! Executors, which run tasks: one trait, one module for each kind.

mod circuit_check;
pub mod circuit_report;
pub mod command;
mod crash;
mod log_buffer;
pub mod mock;
mod simulator;
mod simulator_result;

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

/// The stop signals of an executor, and the buffer for its log and progress.
#[derive(Debug, Clone)]
pub struct Control {
    /// Cancelled when the result is no longer needed: the task was cancelled, the lease was lost,
    /// or the worker is shutting down.
    pub stop: CancellationToken,
    /// Cancelled when the time for an orderly end is over, too: [`Executor::stop_grace`] after
    /// `stop`, or sooner.
    pub kill: CancellationToken,
    /// When the attempt times out.
    pub deadline: Instant,
    /// Log lines, progress and output.
    pub log_buffer: LogBuffer,
}

/// Runs tasks of one backend.
pub trait Executor: Send + Sync {
    /// Runs one attempt to its end: a result, or the reason why there is none.
    ///
    /// It runs on an async thread: long computations belong on a blocking one. It must end soon
    /// after [`Control::kill`]; its answer after [`Control::stop`] is ignored.
    fn execute<'a>(
        &'a self,
        assignment: &'a Assignment,
        control: Control,
    ) -> BoxFuture<'a, Result<Outcome, Failure>>;

    /// The time that it needs between [`Control::stop`] and [`Control::kill`].
    fn stop_grace(&self) -> Duration {
        Duration::ZERO
    }
}
