//! The REST API.
//!
//! - `routes` answers; one file for each group of paths;
//! - `extract` reads requests, `responses` is what answers look like, `problem` what every error looks like; `cursor` is in
//!   both;
//! - `body_memory` and `answer_memory` (applied by `counted_answers`) bound what requests and answers take, `connection`
//!   cuts off clients that do not read them, `circuit_checks` checks circuits beside the requests;
//! - `openapi` and `constraints` describe it all.

mod answer_memory;
mod bare;
mod body_memory;
mod circuit_checks;
mod connection;
mod constraints;
mod correlation;
mod counted_answers;
mod cursor;
mod extract;
mod head;
mod openapi;
mod problem;
mod responses;
mod routes;
mod server;

pub use answer_memory::AnswerMemory;
pub use body_memory::BodyMemory;
pub use circuit_checks::CircuitChecks;
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
    /// What large bodies may take.
    pub body_memory: BodyMemory,
    /// What large answers may take.
    pub answer_memory: AnswerMemory,
    /// Checks of circuits, few at a time.
    pub circuit_checks: CircuitChecks,
}
