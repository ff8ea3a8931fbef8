//! The response to a read of a task, with its result and its history.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::backends::QueuePositionView;
use super::logs::LogView;
use super::tasks::TaskOverview;
use super::times::time;
use crate::domain::status::Status;
use crate::domain::waiting::WaitingReason;
use crate::store::{AttemptOutput, HistoryEntry, Json, TaskSnapshot};

/// An entry of a task's history.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// The status.
    pub status: Status,
    /// The time of the transition to it.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub transitioned_at: OffsetDateTime,
    /// The attempt to which the entry belongs; 0 before the first.
    pub attempt: i32,
    /// The worker of the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_id: Option<String>,
    /// The reason for the transition.
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

/// The output of an attempt so far.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AttemptOutput)]
pub struct OutputView {
    /// The attempt.
    pub attempt: i32,
    /// The time of the last update.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub written_at: OffsetDateTime,
    /// The output, an object in a format of the worker.
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
    /// A problem: the agent and its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    agent_config: Option<Box<RawValue>>,
    /// A problem: maximum number of steps of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    max_steps: Option<Box<RawValue>>,
    /// A circuit: the requested seed; the seed that was used is in `execution`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    seed: Option<Box<RawValue>>,
    /// A circuit: whether exact probabilities were requested; absent if the submission did not set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    probabilities: Option<Box<RawValue>>,
    /// A circuit: whether amplitudes were requested; absent if the submission did not set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    statevector: Option<Box<RawValue>>,
    /// A circuit: whether the outcome of each shot was requested; absent if the submission did not set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    memory: Option<Box<RawValue>>,
    /// A circuit: the values of its inputs, with `include=parameters`; absent if the submission had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"theta": 0.5}))]
    parameters: Option<Box<RawValue>>,
    /// A circuit: its observables, with `include=parameters`; absent if the submission had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Value>>, example = json!([[{"pauli": "ZZ", "coeff": 1.0}]]))]
    observables: Option<Box<RawValue>>,
    /// A circuit: the lists of its sweep, with `include=parameters`; absent if the submission had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"theta": [0.0, 0.1]}))]
    sweep: Option<Box<RawValue>>,
    /// A circuit: the submitted text, with `include=circuit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    circuit: Option<String>,
    /// The result of a completed task: for a circuit, counts by outcome; for a problem, the worker's result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>, example = json!({"00": 512, "11": 512}))]
    result: Option<Json>,
    /// Data about the execution: qubits, registers, seed, method, times.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    execution: Option<Json>,
    /// The transitions of the task, oldest first.
    status_history: Vec<HistoryView>,
    /// The outputs of the last five attempts that reported one, oldest first. An output is kept even if its attempt
    /// failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attempt_outputs: Vec<OutputView>,
    /// The first 1,000 lines of its log, with `include_logs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<Vec<LogView>>,
    /// The queue position of a waiting task.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueuePositionView>,
    /// The reason why a waiting task does not run yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    waiting_reason: Option<WaitingReason>,
    /// The reason as a message for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "no worker serves the backend `aer`; the task waits until one does")]
    waiting_message: Option<String>,
}

/// The parameters of a task as raw JSON text of PostgreSQL, which keeps the notation of numbers.
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
    observables: Option<Box<RawValue>>,
    sweep: Option<Box<RawValue>>,
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
            observables: parameters.observables,
            sweep: parameters.sweep,
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
    /// Adds a result that was read separately.
    pub fn add_result(&mut self, result: Option<Json>) {
        self.result = result;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::checks::FieldErrors;
    use crate::domain::circuit_options::CircuitOptions;
    use crate::domain::observables::Observables;
    use serde_json::Map;

    #[test]
    fn every_option_of_a_circuit_is_shown() {
        let options = CircuitOptions {
            seed: Some(1),
            memory: Some(true),
            probabilities: Some(true),
            statevector: Some(true),
            inputs: Some(Map::new()),
            observables: Observables::parse(&[], &mut FieldErrors::new()),
            sweep: Some(Map::new()),
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
            read.observables,
            read.sweep,
        ];
        assert!(shown.iter().all(Option::is_some), "{stored}: {shown:?}");
        assert_eq!(options.to_stored().len(), shown.len(), "{stored}");
    }
}
