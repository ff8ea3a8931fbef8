//! The response to a list of tasks, without their results.

use serde::Serialize;
use serde_json::Number;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::{optional_time, time};
use crate::domain::status::Status;
use crate::store::{Json, TaskSummary};

/// The kind of a task.
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
    /// Its kind.
    pub kind: TaskKind,
    /// The client's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The client's tags.
    #[schema(value_type = Vec<String>)]
    pub tags: Json,
    /// Its status.
    pub status: Status,
    /// Its backend.
    #[schema(example = "simulator")]
    pub backend: String,
    /// The project of the token that submitted it; `default` without one.
    #[schema(example = "default")]
    pub project: String,
    /// How often the circuit is run and measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shots: Option<i32>,
    /// The name of the benchmark problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem_id: Option<String>,
    /// Timeout of one attempt at a problem, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 30)]
    pub timeout_minutes: Option<Number>,
    /// 0 to 10, higher first.
    pub priority: i16,
    /// The number of the attempt that runs or ran last; 0 before the first.
    pub attempt: i32,
    /// Maximum number of attempts.
    pub max_attempts: i16,
    /// Timeout of one attempt, in seconds.
    pub timeout_seconds: i32,
    /// When its submission was committed.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub submitted_at: OffsetDateTime,
    /// When it may be claimed next, while this time is in the future.
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
    /// When its cancellation was first requested.
    #[serde(
        serialize_with = "optional_time",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cancel_requested_at: Option<OffsetDateTime>,
    /// The worker that runs it, or that ran its last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// The URL of the webhook that qtask calls when the task is terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// Progress of the attempt, in a format of the worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub progress: Option<Json>,
    /// The error code of a failed task, or of the last attempt of a retrying task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invalid_circuit")]
    pub error_code: Option<String>,
    /// The error message, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The client's data.
    #[schema(value_type = Object)]
    pub metadata: Json,
    /// The correlation id of the task in rows, messages and logs.
    pub correlation_id: String,
    /// The task whose inputs it has, if it is a rerun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<Uuid>,
    /// True if the task waits and its backend is paused; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub backend_paused: Option<bool>,
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

/// Converts to minutes; a whole number of minutes is an integer in JSON.
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
            project: task.project,
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
            rerun_of: task.rerun_of,
            backend_paused: task.backend_paused.then_some(true),
        }
    }
}

/// A page of tasks.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskPage {
    /// The tasks, in the requested order. A page may have fewer tasks than `limit`, or none, even if another follows.
    pub tasks: Vec<TaskOverview>,
    /// The `cursor` of the next page, to be used with the same filters and `sort`; null on the last page.
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
