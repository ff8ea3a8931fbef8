//! `POST /workers/{worker_id}/drain`.

use serde::Deserialize;
use utoipa::ToSchema;

/// Whether a worker is to take tasks.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainRequest {
    /// True: it finishes what it has and takes no more. False: it takes tasks again.
    #[schema(default = true)]
    pub draining: Option<bool>,
}
