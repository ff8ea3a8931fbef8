//! `POST /workers/{worker_id}/drain`.

use serde::Deserialize;
use utoipa::ToSchema;

/// Starts or ends the drain of a worker.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainRequest {
    /// True: the worker finishes its tasks and claims no more. False: it claims tasks again.
    #[schema(default = true)]
    pub draining: Option<bool>,
}
