//! Responses to transitions of a task: a cancellation or a settlement.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::time;
use crate::domain::status::Status;

/// The response to a cancellation.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelView {
    /// The id of the task.
    pub task_id: Uuid,
    /// `cancelled`, or `processing` until its worker has stopped it.
    pub status: Status,
    /// When the cancellation was first requested.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub cancel_requested_at: OffsetDateTime,
    /// A message for people.
    #[schema(example = "The task is cancelled.")]
    pub message: &'static str,
}

/// The response to a settlement.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettledView {
    /// The id of the task.
    pub task_id: Uuid,
    /// The status after the report; for a repetition, the status after the first report.
    pub status: Status,
}
