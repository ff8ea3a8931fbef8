//! The fields of the service's answers that the client shows. Missing and unknown fields are accepted: client
//! and service may be of different versions.
#![allow(clippy::struct_field_names, reason = "the names are those on the wire")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::domain::status::Status;

/// Whether a status is terminal; an unknown status is not.
pub fn is_terminal(status: &str) -> bool {
    status.parse().is_ok_and(Status::is_terminal)
}

/// A task.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Task {
    pub task_id: String,
    pub kind: String,
    pub status: String,
    pub backend: String,
    pub project: String,
    pub shots: Option<u64>,
    pub seed: Option<Value>,
    #[serde(rename = "memory")]
    pub wants_memory: Option<bool>,
    #[serde(rename = "probabilities")]
    pub wants_probabilities: Option<bool>,
    #[serde(rename = "statevector")]
    pub wants_statevector: Option<bool>,
    pub parameters: Map<String, Value>,
    pub observables: Vec<Vec<PauliTermInfo>>,
    pub sweep: Map<String, Value>,
    pub circuit: Option<String>,
    pub problem_id: Option<String>,
    pub max_steps: Option<u64>,
    pub name: Option<String>,
    pub tags: Vec<String>,
    pub priority: i64,
    pub attempt: u64,
    pub max_attempts: u64,
    pub timeout_seconds: u64,
    pub submitted_at: Option<String>,
    pub available_at: Option<String>,
    pub started_at: Option<String>,
    pub completed_at: Option<String>,
    pub cancel_requested_at: Option<String>,
    pub worker_id: Option<String>,
    pub progress: Option<Value>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub metadata: Map<String, Value>,
    pub correlation_id: String,
    pub rerun_of: Option<String>,
    pub result: Option<Value>,
    pub execution: Map<String, Value>,
    pub queue: Option<Queue>,
    pub waiting_reason: Option<String>,
    pub waiting_message: Option<String>,
    pub backend_paused: bool,
    pub status_history: Vec<TaskHistoryEntry>,
}

impl Task {
    /// `circuit` or `problem`.
    pub fn kind(&self) -> &str {
        match (self.kind.as_str(), &self.problem_id) {
            ("", Some(_)) => "problem",
            ("", None) => "circuit",
            (kind, _) => kind,
        }
    }

    /// Counts by outcome, the most frequent first; `None` if the result has no counts.
    pub fn counts(&self) -> Option<Vec<(String, u64)>> {
        let result = self.result.as_ref()?.as_object()?;
        let counts = result
            .iter()
            .map(|(outcome, count)| Some((outcome.clone(), count.as_u64()?)));
        let mut counts: Vec<(String, u64)> = counts.collect::<Option<_>>()?;
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Some(counts)
    }

    /// The exact probabilities by outcome, if requested and available.
    pub fn probabilities(&self) -> Option<BTreeMap<String, f64>> {
        self.executed("probabilities")
    }

    /// The amplitudes before the final measurements, if requested and available.
    pub fn statevector(&self) -> Option<Vec<[f64; 2]>> {
        self.executed("statevector")
    }

    /// The expectations of the observables, if requested.
    pub fn expectations(&self) -> Option<Vec<ExpectationInfo>> {
        self.executed("expectations")
    }

    /// The number of points of a sweep that has run.
    pub fn points(&self) -> Option<usize> {
        Some(self.execution.get("points")?.as_array()?.len())
    }

    /// Notes on the run.
    pub fn notes(&self) -> Vec<String> {
        self.executed("notes").unwrap_or_default()
    }

    /// Deserializes a part of `execution`; `None` for the different types of other backends.
    fn executed<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.execution.get(name)?).ok()
    }
}

/// A term of an observable.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PauliTermInfo {
    pub pauli: String,
    pub coeff: f64,
}

/// The expectation of an observable.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ExpectationInfo {
    pub value: f64,
    pub standard_error: Option<f64>,
}

/// The queue position of a waiting task.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Queue {
    pub position: u64,
    pub exact: bool,
}

/// An entry of a task's history.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TaskHistoryEntry {
    pub status: String,
    pub transitioned_at: String,
    pub attempt: u64,
    pub worker_id: Option<String>,
    pub notes: Option<String>,
}

/// One line of a task's log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LogRecord {
    pub id: Value,
    pub attempt: u64,
    pub logged_at: String,
    pub level: String,
    pub message: String,
    pub context: Option<Value>,
}

/// A worker.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WorkerInfo {
    pub worker_id: String,
    pub status: String,
    pub draining: bool,
    pub backends: Vec<String>,
    pub registered_at: Option<String>,
    pub last_heartbeat_at: Option<String>,
    pub current_tasks: Vec<String>,
    pub tasks_completed: u64,
    pub tasks_failed: u64,
    pub not_ready_reason: Option<String>,
}

/// A backend.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Backend {
    pub backend: String,
    pub workers_online: u64,
    pub waiting: u64,
    pub running: u64,
    pub oldest_wait_seconds: Option<f64>,
    pub median_run_seconds: Option<f64>,
    pub estimated_wait_seconds: Option<f64>,
    pub pause: Option<PauseInfo>,
}

/// The pause of a backend.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PauseInfo {
    pub since: String,
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// The answer to a pause or a resume.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BackendPause {
    pub backend: String,
    pub paused: bool,
    pub pause: Option<PauseInfo>,
}

/// A token.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct TokenInfo {
    pub token_id: String,
    /// The text of a new token.
    pub token: String,
    pub name: String,
    pub status: String,
    pub scopes: Vec<String>,
    pub backends: Vec<String>,
    pub project: String,
    pub created_at: Option<String>,
    pub created_by: Option<String>,
    pub expires_at: Option<String>,
    pub revoked_at: Option<String>,
    pub last_used_at: Option<String>,
}

/// The answer to a submission or to a cancel.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Acknowledgement {
    pub task_id: String,
    pub status: String,
    pub cancel_requested_at: Option<String>,
    pub message: String,
}

/// The answer to a cancellation by filter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CancelledPage {
    pub matched: u64,
    pub cancelled: u64,
    pub cancel_requested: u64,
    pub as_of: Option<String>,
    pub next_after: Option<String>,
}

/// The answer to a rerun.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RerunAnswer {
    pub matched: u64,
    pub tasks: Vec<RerunInfo>,
    pub as_of: Option<String>,
    pub next_after: Option<String>,
}

/// A new task with the inputs of another.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RerunInfo {
    pub task_id: String,
    pub rerun_of: String,
    pub status: String,
    pub submitted_at: String,
}

/// A value as it appears in a query: strings without quotes.
pub fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_version_can_still_be_read() {
        let task: Task =
            serde_json::from_str(r#"{"task_id": "x", "status": "paused", "new": 1}"#).unwrap();
        assert_eq!((task.kind(), is_terminal(&task.status)), ("circuit", false));
        assert!(is_terminal("cancelled"));
    }

    #[test]
    fn what_another_backend_calls_by_the_same_name_is_left_alone() {
        let task = |execution: &str| Task {
            execution: serde_json::from_str(execution).unwrap(),
            ..Task::default()
        };
        let other = task(r#"{"probabilities": [1], "statevector": "psi", "notes": {"a": 1}}"#);
        assert_eq!(
            (other.probabilities(), other.statevector(), other.notes()),
            (None, None, Vec::new())
        );
        let own = task(r#"{"statevector": [[0.6, -0.8]], "probabilities": {"0": 1}}"#);
        assert_eq!(own.statevector(), Some(vec![[0.6, -0.8]]));
        assert_eq!(
            own.probabilities(),
            Some(BTreeMap::from([("0".to_owned(), 1.0)]))
        );
    }

    #[test]
    fn counts_are_told_from_results_of_problems() {
        let task = |result: &str| Task {
            result: serde_json::from_str(result).unwrap(),
            ..Task::default()
        };
        let counts = task(r#"{"00": 1, "11": 2}"#).counts().unwrap();
        assert_eq!(counts, [("11".to_owned(), 2), ("00".to_owned(), 1)]);
        assert_eq!(task(r#"{"logs": [], "metrics": {}}"#).counts(), None);
    }
}
