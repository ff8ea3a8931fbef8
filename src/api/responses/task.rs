//! A task as it is read, with its result and its history.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::circuit_options::CircuitOptions;
    use serde_json::Map;

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
}
