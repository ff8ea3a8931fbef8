//! What runs a task: one trait, one module for each kind.

mod crash;
pub mod mock;
pub mod simulator;
mod simulator_executor;

use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::domain::settlement::{Failure, Outcome};
use crate::domain::task::Assignment;

pub use crash::crashed;
pub use mock::Mock;
pub use simulator_executor::Simulator;

/// How an executor learns that it is to stop.
#[derive(Debug, Clone)]
pub struct Control {
    /// Cancelled when the result is not wanted any more: the task was cancelled, the lease lost,
    /// the worker shut down.
    pub stop: CancellationToken,
    /// When the attempt's time is over.
    pub deadline: Instant,
}

/// Runs tasks of one backend.
pub trait Executor: Send + Sync {
    /// Runs one attempt to its end: a result or the reason why there is none.
    ///
    /// It runs on an async thread: long computations belong on a blocking one. It must end soon
    /// after [`Control::stop`] or [`Control::deadline`]; what it answers then is not used.
    fn execute<'a>(
        &'a self,
        assignment: &'a Assignment,
        control: Control,
    ) -> BoxFuture<'a, Result<Outcome, Failure>>;
}
