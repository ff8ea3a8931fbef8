//! Tasks as they are read.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fleet::QueuePositionView;
use super::logs::LogView;
use super::times::{optional_time, time};
use crate::domain::status::Status;
use crate::domain::waiting::WaitingReason;
use crate::store::{AttemptOutput, HistoryEntry, Json, TaskSnapshot, TaskSummary};

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

/// What an attempt has produced so far.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AttemptOutput)]
pub struct OutputView {
    /// The attempt.
    pub attempt: i32,
    /// When it said so last.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub written_at: OffsetDateTime,
    /// An object of the worker's own.
    #[schema(value_type = Object)]
    pub output: Value,
}

impl From<AttemptOutput> for OutputView {
    fn from(entry: AttemptOutput) -> Self {
        Self {
            attempt: entry.attempt,
            written_at: entry.written_at,
            output: entry.output,
        }
    }
}

/// A task with its result and its history.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    #[serde(flatten)]
    overview: TaskOverview,
    /// A problem: what the agent is and how it is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    agent_config: Option<Box<RawValue>>,
    /// A problem: how many steps the agent may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    max_steps: Option<Box<RawValue>>,
    /// A circuit: the seed that was asked for; the one that was used is in `execution`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    seed: Option<Box<RawValue>>,
    /// A circuit: whether exact probabilities were asked for; absent where the submission did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    probabilities: Option<Box<RawValue>>,
    /// A circuit: whether amplitudes were asked for; absent where the submission did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    statevector: Option<Box<RawValue>>,
    /// A circuit: whether the outcome of each shot was asked for; absent where the submission did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    memory: Option<Box<RawValue>>,
    /// A circuit: the values for its inputs, with `include=parameters` and where the submission had any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"theta": 0.5}))]
    parameters: Option<Box<RawValue>>,
    /// A circuit: the text as it was submitted, with `include=circuit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    circuit: Option<String>,
    /// Once completed: of a circuit, counts by outcome; of a problem, what its worker delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>, example = json!({"00": 512, "11": 512}))]
    result: Option<Json>,
    /// How it was run: qubits, registers, seed, method, times.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    execution: Option<Json>,
    /// Every status it was in, oldest first.
    status_history: Vec<HistoryView>,
    /// What its attempts have produced, as far as they said so: of the last five that did, oldest first. It is there
    /// however the attempt ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempt_outputs: Vec<OutputView>,
    /// The first 1,000 lines of its log, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<Vec<LogView>>,
    /// Where it stands in the line of its backend, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueuePositionView>,
    /// Why it does not run yet, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    waiting_reason: Option<WaitingReason>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "no worker serves the backend `aer`; the task waits until one does")]
    waiting_message: Option<String>,
}

/// The parameters of a task as PostgreSQL prints them: passed on, so that numbers stay as they are written.
#[derive(Debug, Default, Deserialize)]
struct StoredParameters {
    agent_config: Option<Box<RawValue>>,
    max_steps: Option<Box<RawValue>>,
    seed: Option<Box<RawValue>>,
    probabilities: Option<Box<RawValue>>,
    statevector: Option<Box<RawValue>>,
    memory: Option<Box<RawValue>>,
    #[serde(rename = "input")]
    inputs: Option<Box<RawValue>>,
}

impl From<TaskSnapshot> for TaskView {
    fn from(snapshot: TaskSnapshot) -> Self {
        let TaskSnapshot {
            task,
            history,
            place,
            waiting,
            logs,
            outputs,
        } = snapshot;
        let overview = TaskOverview::from(task.summary);
        let waiting_message = waiting
            .as_ref()
            .map(|waiting| waiting.message(&overview.backend));
        let parameters: StoredParameters =
            serde_json::from_str(task.parameters.get()).unwrap_or_default();
        Self {
            agent_config: parameters.agent_config,
            max_steps: parameters.max_steps,
            seed: parameters.seed,
            probabilities: parameters.probabilities,
            statevector: parameters.statevector,
            memory: parameters.memory,
            parameters: parameters.inputs,
            circuit: task.circuit,
            overview,
            result: task.result,
            execution: task.execution,
            status_history: history.into_iter().map(Into::into).collect(),
            attempt_outputs: outputs.into_iter().map(Into::into).collect(),
            logs: logs.map(|lines| lines.into_iter().map(Into::into).collect()),
            queue: place.map(Into::into),
            waiting_reason: waiting.map(|waiting| waiting.reason()),
            waiting_message,
        }
    }
}

impl TaskView {
    /// Adds a result that was read by itself.
    pub fn add_result(&mut self, result: Option<Json>) {
        self.result = result;
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
    use crate::domain::circuit_options::CircuitOptions;
    use serde_json::{Map, json};

    #[test]
    fn every_option_of_a_circuit_is_shown() {
        let options = CircuitOptions {
            seed: Some(1),
            memory: Some(true),
            probabilities: Some(true),
            statevector: Some(true),
            inputs: Some(Map::new()),
            ..CircuitOptions::of_shots(1)
        };
        let stored = Value::Object(options.to_stored()).to_string();
        let read: StoredParameters = serde_json::from_str(&stored).unwrap();
        let shown = [
            read.seed,
            read.memory,
            read.probabilities,
            read.statevector,
            read.inputs,
        ];
        assert!(shown.iter().all(Option::is_some), "{stored}: {shown:?}");
        assert_eq!(options.to_stored().len(), shown.len(), "{stored}");
    }

    #[test]
    fn minutes_are_whole_where_they_can_be() {
        assert_eq!(json!(minutes(1_800)), json!(30));
        assert_eq!(json!(minutes(90)), json!(1.5));
    }
}
