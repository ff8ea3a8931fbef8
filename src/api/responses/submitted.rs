//! Responses to submissions.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::time;
use crate::domain::status::Status;
use crate::service::submit::Accepted;

/// The response to a submission.
#[allow(
    clippy::struct_field_names,
    reason = "`submitted_at` is its name on the wire"
)]
#[derive(Debug, Serialize, ToSchema)]
pub struct Submitted {
    /// The id of the new task.
    pub task_id: Uuid,
    /// `pending`; the current status if the request repeats an earlier one.
    pub status: Status,
    /// When the task was committed.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub submitted_at: OffsetDateTime,
    /// A message for people.
    #[schema(example = "Task submitted successfully.")]
    pub message: &'static str,
    /// The correlation id of the task in rows, messages and logs.
    pub correlation_id: String,
}

impl From<Accepted> for Submitted {
    fn from(accepted: Accepted) -> Self {
        Self {
            task_id: accepted.task_id,
            status: accepted.status,
            submitted_at: accepted.submitted_at,
            message: "Task submitted successfully.",
            correlation_id: accepted.correlation_id,
        }
    }
}

/// The response to the submission of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchSubmitted {
    /// The tasks, in the order of the request.
    pub tasks: Vec<Submitted>,
    /// Number of tasks.
    pub count: usize,
}

impl From<Vec<Accepted>> for BatchSubmitted {
    fn from(accepted: Vec<Accepted>) -> Self {
        Self {
            count: accepted.len(),
            tasks: accepted.into_iter().map(Into::into).collect(),
        }
    }
}
