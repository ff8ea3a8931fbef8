//! The REST API.
//!
//! - `routes` holds the handlers, one file for each group of paths;
//! - `extract` reads requests, `responses` defines the bodies of responses, `problem` those of errors; `cursor` is
//!   used by both;
//! - `body_memory` and `answer_memory` (applied by `counted_answers`) bound the memory of requests and responses,
//!   `connection` accepts clients, with or without TLS, and disconnects those that stall, `request_limits`
//!   (applied by `request_flow`) limits the requests in progress, `circuit_checks` checks circuits on other threads;
//! - `foreign_requests` refuses what other web pages make browsers send, by `own_hosts` and the origins of CORS;
//! - `pool_gauges` measures the connections to PostgreSQL, for the metrics of `serve` and `work`;
//! - `guard` admits callers by the scopes of their tokens;
//! - `openapi` and `constraints` generate the OpenAPI document, `guide` serves the documentation.

mod access_problems;
mod answer_memory;
mod body_memory;
mod circuit_checks;
mod connection;
mod constraints;
mod correlation;
mod counted_answers;
mod cursor;
mod extract;
mod foreign_requests;
mod guard;
mod guide;
mod head;
mod openapi;
mod own_hosts;
mod pool_gauges;
mod problem;
mod refused_submission;
mod request_flow;
mod request_limits;
mod request_span;
mod responses;
mod routes;
mod server;
mod submission_rate;

pub use answer_memory::AnswerMemory;
pub use body_memory::BodyMemory;
pub use circuit_checks::CircuitChecks;
pub use connection::ConnectionLimits;
pub use head::as_get;
pub use pool_gauges::with_pools;
pub use problem::Problem;
pub use request_limits::RequestLimits;
pub use server::{ApiSettings, HttpLimits, bind};
pub use submission_rate::SubmissionRate;

use tokio_util::sync::CancellationToken;

use crate::domain::access::Access;
use crate::domain::backoff::Backoff;
use crate::domain::submission::Limits;
use crate::service::backends::KnownBackends;
use crate::service::claims::Claimer;
use crate::service::depths::Depths;
use crate::service::dispatcher::Dispatcher;
use crate::service::fleet::Fleet;
use crate::service::submit::Submitter;
use crate::service::tokens::Tokens;
use crate::service::watch::Watch;
use crate::store::Store;

/// The services that handlers use.
#[derive(Clone)]
pub struct ApiState {
    /// Whether requests need tokens.
    pub access: Access,
    /// Verifies and administers tokens.
    pub tokens: Tokens,
    /// Reads rows.
    pub store: Store,
    /// Stores and dispatches new tasks.
    pub submitter: Submitter,
    /// Reports whether tasks can be dispatched.
    pub dispatcher: Dispatcher,
    /// Notifies of changes of tasks.
    pub watch: Watch,
    /// Cancelled once the process leaves: it serves on, and sends its clients elsewhere.
    pub leaving: CancellationToken,
    /// Manages the sessions of workers.
    pub fleet: Fleet,
    /// Claims tasks for workers.
    pub claimer: Claimer,
    /// The backends that a task may name.
    pub backends: KnownBackends,
    /// Numbers of waiting and running tasks.
    pub depths: Depths,
    /// Limits of a submission.
    pub limits: Limits,
    /// Delays of retries after transient failures.
    pub retry: Backoff,
    /// Limits of the requests in progress.
    pub requests: RequestLimits,
    /// Tasks that one caller may submit per minute.
    pub submission_rate: SubmissionRate,
    /// Memory of large request bodies.
    pub body_memory: BodyMemory,
    /// Memory of large responses.
    pub answer_memory: AnswerMemory,
    /// Checks of circuits, with bounded concurrency.
    pub circuit_checks: CircuitChecks,
}
