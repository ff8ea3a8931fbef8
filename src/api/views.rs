//! What answers look like.

use serde::{Serialize, Serializer};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::status::Status;
use crate::service::submit::Accepted;
use crate::store::{HistoryEntry, TaskRecord, TaskSummary};

const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A time as it is written everywhere: `2025-12-28T14:30:00.123Z`.
pub fn rfc3339_milliseconds(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(MILLISECONDS)
        .unwrap_or_default()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn time<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_milliseconds(*time))
}

#[allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives references"
)]
fn optional_time<S: Serializer>(
    time: &Option<OffsetDateTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(rfc3339_milliseconds).serialize(serializer)
}

/// The answer to a submission.
#[allow(
    clippy::struct_field_names,
    reason = "`submitted_at` is its name on the wire"
)]
#[derive(Debug, Serialize, ToSchema)]
pub struct Submitted {
    /// The new task.
    pub task_id: Uuid,
    /// `pending`; further on where the request repeats an earlier one.
    pub status: Status,
    /// When the task was committed.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub submitted_at: OffsetDateTime,
    /// For people.
    #[schema(example = "Task submitted successfully.")]
    pub message: &'static str,
    /// Follows the task through rows, messages and logs.
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

/// A task without its result.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskOverview {
    /// Its id.
    pub task_id: Uuid,
    /// Where it stands.
    pub status: Status,
    /// Who runs it.
    #[schema(example = "simulator")]
    pub backend: String,
    /// How often the circuit is run and measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shots: Option<i32>,
    /// The benchmark problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem_id: Option<String>,
    /// 0 to 10, higher first.
    pub priority: i16,
    /// The number of the attempt that runs or ran last; 0 before the first.
    pub attempt: i32,
    /// How many attempts it gets.
    pub max_attempts: i16,
    /// How long one attempt may run, in seconds.
    pub timeout_seconds: i32,
    /// When it was committed.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub submitted_at: OffsetDateTime,
    /// When it may be claimed next, while it waits for that.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub available_at: Option<OffsetDateTime>,
    /// When the last attempt began.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<OffsetDateTime>,
    /// When it reached its terminal status.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<OffsetDateTime>,
    /// Who runs it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// Why it failed, for programs; on a retrying task, why its last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invalid_circuit")]
    pub error_code: Option<String>,
    /// Why it failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The client's own data.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// Follows the task through rows, messages and logs.
    pub correlation_id: String,
}

impl From<TaskSummary> for TaskOverview {
    fn from(task: TaskSummary) -> Self {
        Self {
            task_id: task.task_id,
            status: task.current_status,
            backend: task.backend,
            shots: task.shots,
            problem_id: task.problem_id,
            priority: task.priority,
            attempt: task.attempt,
            max_attempts: task.max_attempts,
            timeout_seconds: task.timeout_seconds,
            submitted_at: task.submitted_at,
            available_at: task.available_at,
            started_at: task.started_at,
            completed_at: task.completed_at,
            worker_id: task.worker_id,
            error_code: task.error_code,
            error_message: task.error_message,
            metadata: task.metadata,
            correlation_id: task.correlation_id,
        }
    }
}

/// One status that a task was in.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// The status.
    pub status: Status,
    /// When the task went to it.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub transitioned_at: OffsetDateTime,
    /// The attempt that it belongs to; 0 before the first.
    pub attempt: i32,
    /// The worker concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Task created")]
    pub notes: Option<String>,
}

impl From<HistoryEntry> for HistoryView {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            status: entry.status,
            transitioned_at: entry.transitioned_at,
            attempt: entry.attempt,
            worker_id: entry.worker_id,
            notes: entry.notes,
        }
    }
}

/// A task with its result and its history.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    #[serde(flatten)]
    overview: TaskOverview,
    /// Counts by outcome, once completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"00": 512, "11": 512}))]
    result: Option<Value>,
    /// How it was run: qubits, registers, seed, method, times.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    execution: Option<Value>,
    /// Every status it was in, oldest first.
    status_history: Vec<HistoryView>,
}

impl TaskView {
    /// The view of a stored task.
    pub fn new(task: TaskRecord, history: Vec<HistoryEntry>) -> Self {
        Self {
            overview: task.summary.into(),
            result: task.result,
            execution: task.execution,
            status_history: history.into_iter().map(Into::into).collect(),
        }
    }
}

/// A page of tasks.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskPage {
    /// Newest first.
    pub tasks: Vec<TaskOverview>,
    /// Give it as `cursor` to get the next page; null on the last one.
    pub next_cursor: Option<Uuid>,
}

/// How the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Everything that it needs is there.
    Healthy,
    /// Something is away; the rest goes on.
    Degraded,
}

/// The answer of `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// The whole.
    pub status: Health,
    /// `connected`, or what is wrong.
    #[schema(example = "connected")]
    pub database_status: String,
    /// `connected` (`postgresql` where there is no broker), or what is wrong.
    #[schema(example = "connected")]
    pub queue_status: String,
    /// Of this answer.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_in_utc_with_milliseconds() {
        let time = datetime!(2025-12-28 15:30:00.123456 +1);
        assert_eq!(rfc3339_milliseconds(time), "2025-12-28T14:30:00.123Z");
    }
}
