//! Tasks as they are listed, without their results.

use serde::Serialize;
use serde_json::Number;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::{optional_time, time};
use crate::domain::status::Status;
use crate::store::{Json, TaskSummary};

/// What a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// An OpenQASM program.
    Circuit,
    /// A benchmark problem.
    Problem,
}

/// A task without its result.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskOverview {
    /// Its id.
    pub task_id: Uuid,
    /// What it is.
    pub kind: TaskKind,
    /// The client's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The client's marks.
    #[schema(value_type = Vec<String>)]
    pub tags: Json,
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
    /// How long one attempt at a problem may run, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 30)]
    pub timeout_minutes: Option<Number>,
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
    /// When its cancel was first asked for.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cancel_requested_at: Option<OffsetDateTime>,
    /// Who runs it now, or ran its last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// Is called by HTTP when the task has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// How far the attempt has come, in its worker's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub progress: Option<Json>,
    /// Why it failed, for programs; on a retrying task, why its last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invalid_circuit")]
    pub error_code: Option<String>,
    /// Why it failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The client's own data.
    #[schema(value_type = Object)]
    pub metadata: Json,
    /// Follows the task through rows, messages and logs.
    pub correlation_id: String,
}

impl TaskSummary {
    fn kind(&self) -> TaskKind {
        if self.problem_id.is_some() {
            TaskKind::Problem
        } else {
            TaskKind::Circuit
        }
    }
}

/// Whole minutes as a whole number.
fn minutes(seconds: i32) -> Number {
    let fraction = Number::from_f64(f64::from(seconds) / 60.0);
    fraction
        .filter(|_| seconds % 60 != 0)
        .unwrap_or_else(|| (seconds / 60).into())
}

impl From<TaskSummary> for TaskOverview {
    fn from(task: TaskSummary) -> Self {
        let kind = task.kind();
        Self {
            task_id: task.task_id,
            kind,
            name: task.name,
            tags: task.tags,
            status: task.current_status,
            backend: task.backend,
            shots: task.shots,
            problem_id: task.problem_id,
            timeout_minutes: (kind == TaskKind::Problem).then(|| minutes(task.timeout_seconds)),
            priority: task.priority,
            attempt: task.attempt,
            max_attempts: task.max_attempts,
            timeout_seconds: task.timeout_seconds,
            submitted_at: task.submitted_at,
            available_at: task.available_at,
            started_at: task.started_at,
            completed_at: task.completed_at,
            cancel_requested_at: task.cancel_requested_at,
            worker_id: task.worker_id.or(task.last_worker_id),
            callback_url: task.callback_url,
            progress: task.progress,
            error_code: task.error_code,
            error_message: task.error_message,
            metadata: task.metadata,
            correlation_id: task.correlation_id,
        }
    }
}

/// A page of tasks.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskPage {
    /// In the order asked for. It may be shorter than `limit`, and even empty, with more to come.
    pub tasks: Vec<TaskOverview>,
    /// Give it as `cursor`, with the same filters and `sort`, to get the next page; null at the end
    /// of the list.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn minutes_are_whole_where_they_can_be() {
        assert_eq!(json!(minutes(1_800)), json!(30));
        assert_eq!(json!(minutes(90)), json!(1.5));
    }
}
