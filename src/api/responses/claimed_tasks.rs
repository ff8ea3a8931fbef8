//! The response to a claim over HTTP.

use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::time;
use crate::domain::task::{Assignment, Work};

/// The response to a claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClaimedPage {
    /// The claimed tasks; empty if none was waiting.
    pub tasks: Vec<ClaimedTask>,
}

/// A claimed task, as its owner gets it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClaimedTask {
    /// Its id.
    pub task_id: Uuid,
    /// The number of the attempt, required in every write about this task.
    pub attempt: i32,
    /// The backend of the task.
    pub backend: String,
    /// `circuit` or `problem`.
    #[schema(example = "problem")]
    pub kind: &'static str,
    /// Timeout of the attempt, in seconds.
    pub timeout_seconds: i32,
    /// Maximum number of attempts of the task.
    pub max_attempts: i16,
    /// 0 to 10, higher first.
    pub priority: i16,
    /// A circuit: the OpenQASM program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit: Option<String>,
    /// A circuit: how often it is run and measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shots: Option<u32>,
    /// A problem: its name in the benchmark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem_id: Option<String>,
    /// A problem: the agent and its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub agent_config: Option<Value>,
    /// A problem: maximum number of steps of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub max_steps: Option<Value>,
    /// All other options of the submission, such as `seed`.
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
    /// The client's data.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// The correlation id of the task in rows, messages and logs.
    pub correlation_id: String,
    /// The trace of W3C that the attempt continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    pub traceparent: Option<String>,
    /// What tracing systems have added to `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// When it was submitted.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub submitted_at: OffsetDateTime,
    /// When this attempt began.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: OffsetDateTime,
}

impl From<Assignment> for ClaimedTask {
    fn from(task: Assignment) -> Self {
        let kind = task.work.kind();
        let mut parameters = task.work.parameters();
        let (circuit, shots, problem_id) = match task.work {
            Work::Circuit { source, options } => (Some(source), Some(options.shots), None),
            Work::Problem { problem_id, .. } => (None, None, Some(problem_id)),
        };
        Self {
            task_id: task.lease.task_id,
            attempt: task.lease.attempt,
            backend: task.backend,
            kind,
            timeout_seconds: task.timeout_seconds,
            max_attempts: task.max_attempts,
            priority: task.priority,
            circuit,
            shots,
            problem_id,
            agent_config: parameters.remove("agent_config"),
            max_steps: parameters.remove("max_steps"),
            parameters,
            metadata: task.metadata,
            correlation_id: task.correlation_id,
            traceparent: task.trace.as_ref().map(ToString::to_string),
            tracestate: task
                .trace
                .as_ref()
                .and_then(|trace| trace.state().map(str::to_owned)),
            submitted_at: task.submitted_at,
            started_at: task.started_at,
        }
    }
}
