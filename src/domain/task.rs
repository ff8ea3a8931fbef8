//! A task between its submission and its execution by a worker.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::circuit_options::CircuitOptions;
use super::owner::Lease;
use super::status::Status;
use super::trace_context::TraceContext;

/// The work of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// An OpenQASM program.
    Circuit {
        /// The program's text.
        source: String,
        /// The options of the run.
        options: CircuitOptions,
    },
    /// A benchmark problem, which a worker runs with its own tools.
    Problem {
        /// The problem's name in the benchmark.
        problem_id: String,
        /// `agent_config` and `max_steps`, which only the worker interprets.
        parameters: Map<String, Value>,
    },
}

impl Work {
    /// The name of the kind in the API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Circuit { .. } => "circuit",
            Self::Problem { .. } => "problem",
        }
    }

    /// The value of the column `tasks.parameters`.
    pub fn parameters(&self) -> Map<String, Value> {
        match self {
            Self::Circuit { options, .. } => options.to_stored(),
            Self::Problem { parameters, .. } => parameters.clone(),
        }
    }
}

/// A validated submission, not yet stored.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Version 7, so that keys grow with time and pages fill in order.
    pub task_id: Uuid,
    /// The backend of the task.
    pub backend: String,
    /// The project of the token that submitted it.
    pub project: String,
    /// The work of the task.
    pub work: Work,
    /// The client's name for it.
    pub name: Option<String>,
    /// The client's tags.
    pub tags: Vec<String>,
    /// The URL of the webhook that qtask calls when the task is terminal.
    pub callback_url: Option<String>,
    /// 0 to 10, higher first.
    pub priority: i16,
    /// Timeout of one attempt, in seconds.
    pub timeout_seconds: i32,
    /// Maximum number of attempts.
    pub max_attempts: i16,
    /// The client's data, returned unchanged.
    pub metadata: Map<String, Value>,
    /// The idempotency key of the request, equal in all its repetitions.
    pub idempotency: Option<Idempotency>,
    /// The correlation id of the task in rows, messages and logs.
    pub correlation_id: String,
    /// The trace that its attempts and its webhook continue.
    pub trace: Option<TraceContext>,
}

/// The client's key for one submission, and a digest of the submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The `Idempotency-Key` header.
    pub key: String,
    /// A digest of the request's body: the same key with another body is an error.
    pub fingerprint: Uuid,
}

/// One attempt at a task, with the data that its worker gets.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Proof of ownership, named in every write about the attempt.
    pub lease: Lease,
    /// The status before the claim.
    pub previous_status: Status,
    /// The backend of the task.
    pub backend: String,
    /// The work of the task.
    pub work: Work,
    /// 0 to 10, higher first.
    pub priority: i16,
    /// The client's data.
    pub metadata: Value,
    /// Timeout of this attempt, in seconds.
    pub timeout_seconds: i32,
    /// Maximum number of attempts of the task.
    pub max_attempts: i16,
    /// The correlation id of the task in rows, messages and logs.
    pub correlation_id: String,
    /// The trace that this attempt continues.
    pub trace: Option<TraceContext>,
    /// When the task was submitted.
    pub submitted_at: OffsetDateTime,
    /// When this attempt began.
    pub started_at: OffsetDateTime,
}

impl Assignment {
    /// The bytes of the circuit; 0 for a problem.
    pub fn text_bytes(&self) -> usize {
        match &self.work {
            Work::Circuit { source, .. } => source.len(),
            Work::Problem { .. } => 0,
        }
    }
}
