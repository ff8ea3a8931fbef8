//! The REST API.
//!
//! - `routes` answers; one file for each group of paths;
//! - `views` is what answers look like; `problem` is what every error looks like;
//! - `answers` counts what answers take in memory, `connection` cuts off clients that do not read them;
//! - `circuit_checks` checks circuits beside the requests;
//! - `body` with `body_size`, `heap_estimate` and `memory_permit`, `query`, `task_query`, `worker_requests`, `cursor`, `correlation` read requests; `openapi` and `constraints`
//!   describe it all.

mod answers;
mod bare;
mod body;
mod body_size;
mod circuit_checks;
mod connection;
mod constraints;
mod correlation;
mod cursor;
mod head;
mod heap_estimate;
mod log_query;
mod memory_permit;
mod openapi;
mod problem;
mod query;
mod requests;
mod routes;
mod server;
mod task_query;
mod views;
mod worker_requests;

pub use head::as_get;
pub use problem::Problem;
pub use server::{ApiSettings, WRITE_TIMEOUT, bind};

use crate::domain::backoff::Backoff;
use crate::domain::submission::Limits;
use crate::service::backends::KnownBackends;
use crate::service::claims::Claimer;
use crate::service::depths::Depths;
use crate::service::dispatcher::Dispatcher;
use crate::service::fleet::Fleet;
use crate::service::submit::Submitter;
use crate::service::watch::Watch;
use crate::store::Store;

/// What every handler may use.
#[derive(Clone)]
pub struct ApiState {
    /// Reads.
    pub store: Store,
    /// Stores and sends new tasks.
    pub submitter: Submitter,
    /// Whether tasks can be sent.
    pub dispatcher: Dispatcher,
    /// Waiting for changes.
    pub watch: Watch,
    /// The sessions of workers.
    pub fleet: Fleet,
    /// Hands tasks to workers.
    pub claimer: Claimer,
    /// What a task may name.
    pub backends: KnownBackends,
    /// How much waits and runs.
    pub depths: Depths,
    /// What a task may weigh.
    pub limits: Limits,
    /// When a task that failed for a passing reason is tried again.
    pub retry: Backoff,
}
