//! Responses to requests that change many tasks.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::time;
use crate::domain::status::Status;
use crate::service::rerun::Rerun;

/// The response to a cancellation by filter.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelledView {
    /// Number of tasks that the filter selected for this request.
    pub matched: usize,
    /// Number of waiting tasks that are cancelled now; 0 with `dry_run`.
    pub cancelled: i64,
    /// Number of running tasks whose workers are being told to stop them; 0 with `dry_run`.
    pub cancel_requested: i64,
    /// The time of the first request of the series.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub as_of: OffsetDateTime,
    /// The `after` of the next request; null after the last one.
    pub next_after: Option<Uuid>,
}

/// A new task with the inputs of another.
#[derive(Debug, Serialize, ToSchema)]
pub struct RerunView {
    /// The id of the new task.
    pub task_id: Uuid,
    /// The task whose inputs it has.
    pub rerun_of: Uuid,
    /// `pending`; the current status if the request repeats an earlier one.
    pub status: Status,
    /// When the new task was committed.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub submitted_at: OffsetDateTime,
    /// The correlation id of the new task in rows, messages and logs.
    pub correlation_id: String,
}

impl From<Rerun> for RerunView {
    fn from(rerun: Rerun) -> Self {
        Self {
            task_id: rerun.accepted.task_id,
            rerun_of: rerun.rerun_of,
            status: rerun.accepted.status,
            submitted_at: rerun.accepted.submitted_at,
            correlation_id: rerun.accepted.correlation_id,
        }
    }
}

/// The response to a rerun of many tasks.
#[derive(Debug, Serialize, ToSchema)]
pub struct RerunPage {
    /// Number of tasks that this request reruns, or with `dry_run` would.
    pub matched: usize,
    /// The new tasks, in the order of the ids of the others; none with `dry_run`.
    pub tasks: Vec<RerunView>,
    /// The time of the first request of the series.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub as_of: OffsetDateTime,
    /// With `filter`, the `after` of the next request; null after the last one. With `task_ids`, the last id of this request if
    /// others follow.
    pub next_after: Option<Uuid>,
}
