//! From what a client sent to a task that may be stored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::backend::{self, SIMULATOR, is_valid_name};
use super::task::{Idempotency, NewTask, Work};

/// A circuit to run. Fields that are not named here are refused.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"circuit": "OPENQASM 3; qubit[2] q; h q[0]; cnot q[0], q[1]; measure q;", "shots": 1024}))]
pub struct Submission {
    /// The OpenQASM program, version 2 or 3.
    #[schema(min_length = 1)]
    pub circuit: Option<String>,
    /// How often the circuit is run and measured.
    #[schema(minimum = 1, maximum = 1_000_000, default = 1024)]
    pub shots: Option<i64>,
    /// Who is to run it.
    #[schema(default = "simulator")]
    pub backend: Option<String>,
    /// Makes a run repeatable: the same seed gives the same counts.
    #[schema(minimum = 0)]
    pub seed: Option<u64>,
    /// Whether the outcome of each shot is kept beside the counts.
    #[schema(default = false)]
    pub memory: Option<bool>,
    /// Higher goes first.
    #[schema(minimum = 0, maximum = 10, default = 5)]
    pub priority: Option<i64>,
    /// How long one attempt may run, in seconds.
    #[schema(minimum = 1, maximum = 10_800, default = 300)]
    pub timeout_seconds: Option<i64>,
    /// How many attempts the task gets when workers die or fail for a passing reason.
    #[schema(minimum = 1, maximum = 100, default = 3)]
    pub max_attempts: Option<i64>,
    /// Anything of the client's own, handed back untouched.
    pub metadata: Option<Map<String, Value>>,
}

/// What a deployment accepts.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest circuit, in bytes.
    pub max_circuit_bytes: usize,
    /// The most that the client's own data may take as JSON, in bytes: it comes with every list.
    pub max_metadata_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_circuit_bytes: 1 << 20,
            max_metadata_bytes: 16 << 10,
        }
    }
}

/// The most shots of one task.
pub const MAX_SHOTS: i64 = 1_000_000;
/// The longest timeout of one attempt, in seconds: 3 hours.
pub const MAX_TIMEOUT_SECONDS: i64 = 10_800;

/// What is wrong with a submission: field to message, all of it at once.
pub type FieldErrors = BTreeMap<String, String>;

impl Submission {
    /// The task to store, or everything that is wrong with the submission.
    pub fn into_task(
        self,
        limits: &Limits,
        correlation_id: String,
        idempotency: Option<Idempotency>,
    ) -> Result<NewTask, FieldErrors> {
        let mut errors = FieldErrors::new();
        if let Some(Err(message)) = self
            .circuit
            .as_deref()
            .map(|circuit| check_circuit(circuit, limits))
        {
            errors.insert("circuit".to_owned(), message);
        } else if self.circuit.is_none() {
            errors.insert(
                "circuit".to_owned(),
                "is required: the text of an OpenQASM program".to_owned(),
            );
        }
        if let Some(name) = self.backend.as_deref().filter(|name| !is_valid_name(name)) {
            let message = format!(
                "`{}` cannot name a backend: use letters, digits, `.`, `_`, `-`",
                excerpt(name)
            );
            errors.insert("backend".to_owned(), message);
        }
        if let Some(Err(message)) = self
            .metadata
            .as_ref()
            .map(|own| check_metadata(own, limits))
        {
            errors.insert("metadata".to_owned(), message);
        }
        let shots = in_range(&mut errors, "shots", self.shots, 1..=MAX_SHOTS, 1024);
        let priority = in_range(&mut errors, "priority", self.priority, 0..=10, 5);
        let timeout_seconds = in_range(
            &mut errors,
            "timeout_seconds",
            self.timeout_seconds,
            1..=MAX_TIMEOUT_SECONDS,
            300,
        );
        let max_attempts = in_range(&mut errors, "max_attempts", self.max_attempts, 1..=100, 3);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(NewTask {
            task_id: Uuid::now_v7(),
            parameters: self.parameters(),
            backend: self.backend.unwrap_or_else(|| SIMULATOR.to_owned()),
            work: Work::Circuit {
                source: self.circuit.unwrap_or_default(),
                shots,
            },
            priority,
            timeout_seconds,
            max_attempts,
            metadata: self.metadata.unwrap_or_default(),
            idempotency,
            correlation_id,
        })
    }

    fn parameters(&self) -> Map<String, Value> {
        let seed = self.seed.map(|seed| ("seed".to_owned(), json!(seed)));
        let memory = self
            .memory
            .map(|memory| ("memory".to_owned(), json!(memory)));
        seed.into_iter().chain(memory).collect()
    }
}

fn check_circuit(circuit: &str, limits: &Limits) -> Result<(), String> {
    if circuit.trim().is_empty() {
        return Err("must not be empty: the text of an OpenQASM program".to_owned());
    }
    if circuit.len() > limits.max_circuit_bytes {
        return Err(format!(
            "has {} bytes; at most {} are allowed",
            circuit.len(),
            limits.max_circuit_bytes
        ));
    }
    // PostgreSQL cannot store it, and no program needs it.
    match circuit.find('\0') {
        Some(at) => Err(format!(
            "must not contain the NUL character (found at byte {at})"
        )),
        None => Ok(()),
    }
}

fn check_metadata(metadata: &Map<String, Value>, limits: &Limits) -> Result<(), String> {
    if has_nul(metadata) {
        return Err("must not contain the NUL character".to_owned());
    }
    let bytes = serde_json::to_vec(metadata).map_or(0, |text| text.len());
    if bytes > limits.max_metadata_bytes {
        let most = limits.max_metadata_bytes;
        return Err(format!(
            "has {bytes} bytes as JSON; at most {most} are allowed"
        ));
    }
    Ok(())
}

/// The value or its default, as the type the table needs; out of range is noted under the field's
/// name.
fn in_range<T: TryFrom<i64> + Default>(
    errors: &mut FieldErrors,
    field: &str,
    value: Option<i64>,
    range: std::ops::RangeInclusive<i64>,
    default: i64,
) -> T {
    let value = value.unwrap_or(default);
    if !range.contains(&value) {
        let message = format!(
            "must be between {} and {}, got {value}",
            range.start(),
            range.end()
        );
        errors.insert(field.to_owned(), message);
    }
    T::try_from(value).unwrap_or_default()
}

/// Whether a NUL character stands anywhere in it; PostgreSQL's jsonb cannot hold one.
fn has_nul(object: &Map<String, Value>) -> bool {
    object
        .iter()
        .any(|(key, value)| key.contains('\0') || value_has_nul(value))
}

fn value_has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(value_has_nul),
        Value::Object(object) => has_nul(object),
        _ => false,
    }
}

fn excerpt(text: &str) -> String {
    let printable = text.chars().take(backend::MAX_NAME_LENGTH);
    printable
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validate(submission: Submission) -> Result<NewTask, FieldErrors> {
        submission.into_task(&Limits::default(), "c-1".to_owned(), None)
    }

    fn circuit(source: &str) -> Submission {
        Submission {
            circuit: Some(source.to_owned()),
            ..Submission::default()
        }
    }

    #[test]
    fn a_bare_circuit_gets_the_defaults() {
        let task = validate(circuit("qubit q;")).unwrap();
        assert_eq!(
            task.work,
            Work::Circuit {
                source: "qubit q;".to_owned(),
                shots: 1024
            }
        );
        assert_eq!(
            (task.backend.as_str(), task.priority, task.timeout_seconds),
            ("simulator", 5, 300)
        );
        assert_eq!((task.max_attempts, task.parameters.len()), (3, 0));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let submission = Submission {
            shots: Some(0),
            priority: Some(11),
            timeout_seconds: Some(-1),
            max_attempts: Some(1 << 40),
            backend: Some("no spaces".to_owned()),
            ..Submission::default()
        };
        let errors = validate(submission).unwrap_err();
        let fields: Vec<_> = errors.keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                "backend",
                "circuit",
                "max_attempts",
                "priority",
                "shots",
                "timeout_seconds"
            ]
        );
        assert_eq!(errors["shots"], "must be between 1 and 1000000, got 0");
    }

    #[test]
    fn nul_is_refused_wherever_it_hides() {
        assert!(validate(circuit("h q;\0")).unwrap_err()["circuit"].contains("byte 4"));
        let hidden = json!({"deep": [{"er": "x\0"}]});
        let submission = Submission {
            metadata: hidden.as_object().cloned(),
            ..circuit("h q;")
        };
        assert!(validate(submission).unwrap_err().contains_key("metadata"));
    }

    #[test]
    fn a_circuit_over_the_limit_is_refused_by_its_size() {
        let errors = validate(circuit(&"x".repeat((1 << 20) + 1))).unwrap_err();
        assert_eq!(
            errors["circuit"],
            "has 1048577 bytes; at most 1048576 are allowed"
        );
    }
}
