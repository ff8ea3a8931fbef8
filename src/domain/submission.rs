//! Validates a submission and converts it to a task.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::backend::{AIOPSLAB, SIMULATOR};
use super::checks::{self, FieldErrors, in_range};
use super::task::{Idempotency, NewTask, Work};
use super::webhook::WebhookTargets;
use super::whole_number;

mod options;

use options::OptionFields;

/// A circuit to run or a problem to solve. Unknown fields and fields of the other kind are refused.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"circuit": "OPENQASM 3; qubit[2] q; h q[0]; cnot q[0], q[1]; measure q;", "shots": 1024}))]
pub struct Submission {
    /// A circuit: the OpenQASM program, version 2 or 3.
    #[schema(min_length = 1)]
    pub circuit: Option<String>,
    /// A circuit: number of times that it is run and measured. 0 is for exact results only, and needs `observables`,
    /// `probabilities` or `statevector`.
    #[schema(minimum = 0, maximum = 1_000_000, default = 1024)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub shots: Option<i64>,
    /// A circuit: seed of a reproducible run; the same seed gives the same counts.
    #[schema(minimum = 0)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub seed: Option<u64>,
    /// A circuit: whether the result contains the exact probability of each outcome, provided that no mid-circuit
    /// measurement has a random outcome and there are at most 65,536 outcomes.
    #[schema(default = false)]
    pub probabilities: Option<bool>,
    /// A circuit: whether the result contains the amplitudes before the final measurements, for up to 16 qubits.
    #[schema(default = false)]
    pub statevector: Option<bool>,
    /// A circuit: whether the result contains the outcome of each shot, by register.
    #[schema(default = false)]
    pub memory: Option<bool>,
    /// A circuit: values of its `input` declarations, each a number, `true` or `false`, or a string of bits such as
    /// `"0110"`.
    pub parameters: Option<Map<String, Value>>,
    /// A circuit: observables whose expectations the result contains. Each is a list of terms, or one term; a term without
    /// a coefficient may be its string alone. A string has a letter for each qubit that the circuit declares, the
    /// rightmost for the first one.
    #[schema(max_items = 1_000, example = json!(["ZZ", [{"pauli": "XX", "coeff": 0.5}, {"pauli": "IZ", "coeff": -1.0}]]))]
    pub observables: Option<Vec<Value>>,
    /// A circuit: lists of values of its `input` declarations, all of one length of at most 10,000. The circuit runs once for
    /// each place in the lists; `execution.points` has the results in order.
    #[schema(example = json!({"theta": [0.0, 0.1, 0.2]}))]
    pub sweep: Option<Map<String, Value>>,
    /// A problem: its name in the benchmark.
    #[schema(min_length = 1, max_length = 200)]
    pub problem_id: Option<String>,
    /// A problem: the agent and its configuration.
    pub agent_config: Option<Map<String, Value>>,
    /// A problem: maximum number of steps of the agent.
    #[schema(minimum = 1, maximum = 1_000, default = 30)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub max_steps: Option<i64>,
    /// Timeout of one attempt, in minutes; 30 for a problem by default.
    #[schema(minimum = 1, maximum = 180)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub timeout_minutes: Option<i64>,
    /// Timeout of one attempt, in seconds instead of minutes; 300 for a circuit by default.
    #[schema(minimum = 1, maximum = 10_800)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub timeout_seconds: Option<i64>,
    /// The backend: by default `simulator` for a circuit and `aiopslab` for a problem.
    pub backend: Option<String>,
    /// Tasks with a higher priority are claimed first.
    #[schema(minimum = 0, maximum = 10, default = 5)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub priority: Option<i64>,
    /// Maximum number of attempts, for lost workers and transient failures.
    #[schema(minimum = 1, maximum = 100, default = 3)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub max_attempts: Option<i64>,
    /// A name that the client chooses.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// Tags by which the task can be found.
    #[schema(max_items = 32)]
    pub tags: Option<Vec<String>>,
    /// The URL of a webhook that qtask calls when the task is terminal.
    #[schema(format = "uri")]
    pub callback_url: Option<String>,
    /// Only validates the submission: nothing is stored, and no `Idempotency-Key` is used. Not allowed in a batch.
    #[schema(default = false)]
    pub dry_run: Option<bool>,
    /// Any data of the client, returned unchanged.
    pub metadata: Option<Map<String, Value>>,
}

/// Limits of a deployment.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum length of a circuit, in bytes: whole MiB, as set by `QTASK_MAX_CIRCUIT_MIB`.
    pub max_circuit_bytes: usize,
    /// Maximum size of `metadata` as JSON, in bytes: every list contains it.
    pub max_metadata_bytes: usize,
    /// Maximum size of `agent_config` as JSON, in bytes.
    pub max_agent_config_bytes: usize,
    /// The addresses that webhooks may call.
    pub webhook_targets: WebhookTargets,
    /// Maximum size of a circuit's state in the simulator, in bytes: checks of circuits use it.
    pub simulator_memory_bytes: u64,
    /// Maximum number of waiting tasks of one backend; `None` for any number.
    pub max_waiting: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_circuit_bytes: 8 << 20,
            max_metadata_bytes: 16 << 10,
            max_agent_config_bytes: 256 << 10,
            webhook_targets: WebhookTargets::default(),
            simulator_memory_bytes: 1 << 30,
            max_waiting: None,
        }
    }
}

/// Maximum timeout of one attempt, in seconds: 3 hours.
pub const MAX_TIMEOUT_SECONDS: i64 = 10_800;
const MAX_TIMEOUT_MINUTES: i64 = MAX_TIMEOUT_SECONDS / 60;
const MAX_STEPS: i64 = 1_000;
/// Maximum size of the inputs of a circuit as JSON, in bytes.
const MAX_INPUT_BYTES: usize = 64 << 10;
/// Maximum length of the name of a task or a problem, in characters.
pub const MAX_LABEL_LENGTH: usize = 200;

/// The kind of a submission.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SubmissionKind {
    Circuit,
    Problem,
}

impl Submission {
    /// Validates the submission and returns the task to store, or all errors at once.
    pub fn into_task(
        mut self,
        limits: &Limits,
        project: &str,
        correlation_id: String,
        idempotency: Option<Idempotency>,
    ) -> Result<NewTask, FieldErrors> {
        let mut errors = FieldErrors::new();
        let kind = self.kind(&mut errors);
        let work = match kind {
            SubmissionKind::Circuit => self.circuit(&mut errors, limits),
            SubmissionKind::Problem => self.problem(&mut errors, limits),
        };
        self.check_common(&mut errors, limits);
        let priority = in_range(&mut errors, "priority", self.priority, 0..=10, 5);
        let timeout_seconds = self.timeout_seconds(&mut errors, kind);
        let max_attempts = in_range(&mut errors, "max_attempts", self.max_attempts, 1..=100, 3);
        if !errors.is_empty() {
            return Err(errors);
        }
        let default_backend = match kind {
            SubmissionKind::Circuit => SIMULATOR,
            SubmissionKind::Problem => AIOPSLAB,
        };
        Ok(NewTask {
            task_id: Uuid::now_v7(),
            backend: self.backend.unwrap_or_else(|| default_backend.to_owned()),
            project: project.to_owned(),
            work,
            priority,
            timeout_seconds,
            max_attempts,
            name: self.name,
            tags: self.tags.unwrap_or_default(),
            callback_url: self.callback_url,
            metadata: self.metadata.unwrap_or_default(),
            idempotency,
            correlation_id,
            trace: None,
        })
    }

    /// Determines the kind, and records errors for fields of the other kind.
    fn kind(&self, errors: &mut FieldErrors) -> SubmissionKind {
        let of_circuits = [
            ("shots", self.shots.is_some()),
            ("probabilities", self.probabilities.is_some()),
            ("statevector", self.statevector.is_some()),
            ("seed", self.seed.is_some()),
            ("memory", self.memory.is_some()),
            ("parameters", self.parameters.is_some()),
            ("observables", self.observables.is_some()),
            ("sweep", self.sweep.is_some()),
        ];
        let of_problems = [
            ("agent_config", self.agent_config.is_some()),
            ("max_steps", self.max_steps.is_some()),
        ];
        let given = |fields: &[(&str, bool)]| fields.iter().any(|(_, given)| *given);
        let mut note = |field: &str, message: &str| {
            errors.insert(field.to_owned(), message.to_owned());
        };
        match (&self.circuit, &self.problem_id) {
            (Some(_), Some(_)) => note("problem_id", "a task is either a circuit or a problem"),
            (None, None) if given(&of_problems) && !given(&of_circuits) => {
                note("problem_id", "is required: the name of a problem");
            }
            (None, None) => note(
                "circuit",
                "is required: the text of an OpenQASM program, or problem_id instead",
            ),
            _ => {}
        }
        let problem = self.circuit.is_none()
            && (self.problem_id.is_some() || (given(&of_problems) && !given(&of_circuits)));
        let (kind, other, message) = if problem {
            (
                SubmissionKind::Problem,
                &of_circuits[..],
                "belongs to a circuit, not to a problem",
            )
        } else {
            (
                SubmissionKind::Circuit,
                &of_problems[..],
                "belongs to a problem, not to a circuit",
            )
        };
        for (field, _) in other.iter().filter(|(_, given)| *given) {
            note(field, message);
        }
        kind
    }

    fn circuit(&mut self, errors: &mut FieldErrors, limits: &Limits) -> Work {
        if let Some(inputs) = &self.parameters {
            check_inputs(errors, inputs);
        }
        let fields = OptionFields {
            shots: self.shots,
            seed: self.seed,
            memory: self.memory,
            probabilities: self.probabilities,
            statevector: self.statevector,
            inputs: self.parameters.take(),
            observables: self.observables.take(),
            sweep: self.sweep.take(),
        };
        let options = fields.checked(errors);
        let given = self.circuit.take();
        if let Some(source) = &given
            && let Err(message) = check_circuit(source, limits)
        {
            errors.insert("circuit".to_owned(), message);
        }
        let source = given.unwrap_or_default();
        Work::Circuit { source, options }
    }

    fn problem(&mut self, errors: &mut FieldErrors, limits: &Limits) -> Work {
        if let Some(problem_id) = &self.problem_id {
            checks::text(errors, "problem_id", problem_id, MAX_LABEL_LENGTH);
        }
        let config = self.agent_config.take().unwrap_or_default();
        let most = limits.max_agent_config_bytes;
        checks::object(errors, "agent_config", &config, most);
        let steps: i32 = in_range(errors, "max_steps", self.max_steps, 1..=MAX_STEPS, 30);
        let mut parameters = Map::new();
        parameters.insert("agent_config".to_owned(), Value::Object(config));
        parameters.insert("max_steps".to_owned(), json!(steps));
        Work::Problem {
            problem_id: self.problem_id.take().unwrap_or_default(),
            parameters,
        }
    }

    fn check_common(&self, errors: &mut FieldErrors, limits: &Limits) {
        if let Some(backend) = &self.backend {
            checks::name(errors, "backend", "backend", backend);
        }
        if let Some(name) = &self.name {
            checks::text(errors, "name", name, MAX_LABEL_LENGTH);
        }
        if let Some(tags) = &self.tags {
            checks::tags(errors, tags);
        }
        if let Some(url) = &self.callback_url {
            checks::http_url(errors, "callback_url", url, &limits.webhook_targets);
        }
        if let Some(own) = &self.metadata {
            checks::object(errors, "metadata", own, limits.max_metadata_bytes);
        }
    }

    fn timeout_seconds(&self, errors: &mut FieldErrors, kind: SubmissionKind) -> i32 {
        if self.timeout_minutes.is_some() && self.timeout_seconds.is_some() {
            let message = "give either timeout_minutes or timeout_seconds".to_owned();
            errors.insert("timeout_minutes".to_owned(), message);
        }
        if let Some(minutes) = self.timeout_minutes {
            let range = 1..=MAX_TIMEOUT_MINUTES;
            let minutes: i32 = in_range(errors, "timeout_minutes", Some(minutes), range, 1);
            return minutes.saturating_mul(60);
        }
        let default = match kind {
            SubmissionKind::Circuit => 300,
            SubmissionKind::Problem => 30 * 60,
        };
        let range = 1..=MAX_TIMEOUT_SECONDS;
        in_range(
            errors,
            "timeout_seconds",
            self.timeout_seconds,
            range,
            default,
        )
    }
}

/// Checks the text of a circuit without parsing it.
pub fn check_circuit(circuit: &str, limits: &Limits) -> Result<(), String> {
    if circuit.trim().is_empty() {
        return Err("must not be empty: the text of an OpenQASM program".to_owned());
    }
    if circuit.len() > limits.max_circuit_bytes {
        return Err(format!(
            "has {} bytes; at most {} are allowed by QTASK_MAX_CIRCUIT_MIB={}",
            circuit.len(),
            limits.max_circuit_bytes,
            limits.max_circuit_bytes >> 20
        ));
    }
    // PostgreSQL cannot store NUL, and no program needs it.
    match circuit.find('\0') {
        Some(at) => Err(format!(
            "must not contain the NUL character (found at byte {at})"
        )),
        None => Ok(()),
    }
}

/// Checks the values of a circuit's inputs; errors are recorded under the field's name in a submission.
pub fn check_inputs(errors: &mut FieldErrors, input: &Map<String, Value>) {
    checks::inputs(errors, "parameters", input, MAX_INPUT_BYTES);
}

#[cfg(test)]
mod tests;
