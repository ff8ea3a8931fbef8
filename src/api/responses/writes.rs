//! Answers to what moves a task: a cancel, or the word of its owner.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::time;
use crate::domain::status::Status;

/// The answer to a cancel.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelView {
    /// The task.
    pub task_id: Uuid,
    /// `cancelled`; `processing` as long as its worker has not stopped it.
    pub status: Status,
    /// When the cancel was first asked for.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub cancel_requested_at: OffsetDateTime,
    /// For people.
    #[schema(example = "The task is cancelled.")]
    pub message: &'static str,
}

/// The answer to the end of an attempt.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettledView {
    /// The task.
    pub task_id: Uuid,
    /// Where the report has brought it; for a repetition, where the first one had brought it.
    pub status: Status,
}
