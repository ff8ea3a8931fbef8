//! A task on its way from submission to a worker.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::circuit_options::CircuitOptions;
use super::owner::Lease;
use super::status::Status;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// An OpenQASM program.
    Circuit {
        /// The program's text.
        source: String,
        /// How it is run.
        options: CircuitOptions,
    },
    /// A benchmark problem, run by a worker's own tools.
    Problem {
        /// The problem's name in the benchmark.
        problem_id: String,
        /// `agent_config` and `max_steps`, which only the worker understands.
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

    /// What is stored in the column `tasks.parameters`.
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
    /// Who serves it.
    pub backend: String,
    /// What is to be done.
    pub work: Work,
    /// The client's name for it.
    pub name: Option<String>,
    /// The client's marks, to find it by.
    pub tags: Vec<String>,
    /// Who is told by HTTP when the task has ended.
    pub callback_url: Option<String>,
    /// 0 to 10, higher first.
    pub priority: i16,
    /// How long one attempt may run.
    pub timeout_seconds: i32,
    /// How many attempts it gets.
    pub max_attempts: i16,
    /// The client's own data, handed back untouched.
    pub metadata: Map<String, Value>,
    /// Names the request over all of its repetitions.
    pub idempotency: Option<Idempotency>,
    /// Follows the task through rows, messages and logs.
    pub correlation_id: String,
}

/// The client's key for one submission, and what it was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The `Idempotency-Key` header.
    pub key: String,
    /// A digest of the request's body: the same key with another body is a mistake.
    pub fingerprint: Uuid,
}

/// One attempt at a task, as handed to the worker that claimed it.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Proof of ownership, named in every write about the attempt.
    pub lease: Lease,
    /// The status before the claim.
    pub previous_status: Status,
    /// The backend that the task asked for.
    pub backend: String,
    /// What is to be done.
    pub work: Work,
    /// 0 to 10, higher first.
    pub priority: i16,
    /// The client's own data.
    pub metadata: Value,
    /// How long this attempt may run.
    pub timeout_seconds: i32,
    /// How many attempts the task gets.
    pub max_attempts: i16,
    /// Follows the task through rows, messages and logs.
    pub correlation_id: String,
    /// When the task was submitted.
    pub submitted_at: OffsetDateTime,
    /// When this attempt began.
    pub started_at: OffsetDateTime,
}
