//! The REST API.
//!
//! - `routes` answers; one file for each group of paths;
//! - `views` is what answers look like; `problem` is what every error looks like;
//! - `body`, `query`, `correlation` read requests; `openapi` describes it all.

mod body;
mod correlation;
mod openapi;
mod problem;
mod query;
mod routes;
mod server;
mod views;

pub use problem::Problem;
pub use server::{ApiSettings, bind};
pub use views::rfc3339_milliseconds;

use crate::domain::submission::Limits;
use crate::service::backends::KnownBackends;
use crate::service::dispatcher::Dispatcher;
use crate::service::submit::Submitter;
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
    /// What a task may name.
    pub backends: KnownBackends,
    /// What a task may weigh.
    pub limits: Limits,
}
