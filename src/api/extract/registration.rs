//! `POST /workers/register`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::worker_fields::{missing, worker_id};
use crate::domain::access::Caller;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::problem_patterns::ProblemPatterns;
use crate::domain::whole_number;
use crate::service::fleet::{MAX_LEASE_SECONDS, MAX_STOP_GRACE_SECONDS, WorkerRegistration};

/// Maximum number of backends of one worker.
const MAX_BACKENDS: usize = 32;
/// Maximum size of `capabilities` and of `metadata` as JSON, in bytes: every list contains them.
const MAX_OWN_DATA_BYTES: usize = 4 << 10;
/// Maximum of `max_parallel_tasks`.
const MAX_PARALLEL_TASKS: u64 = 100_000;

/// The registration of a worker, which begins a session.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"worker_id": "lab-1", "backends": ["aiopslab"], "capabilities": {"max_parallel_tasks": 2}}))]
pub struct RegisterRequest {
    /// The worker's name, unique among live workers.
    #[schema(
        required = true,
        nullable = false,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
    )]
    pub worker_id: Option<String>,
    /// The backends that the worker serves.
    #[schema(required = true, nullable = false, min_items = 1, max_items = 32)]
    pub backends: Option<Vec<String>>,
    /// Capabilities of the worker; at most 4 KiB. `max_parallel_tasks` (1 to 100,000): the worker never gets more
    /// tasks at once. `supported_problems` (1 to 100 names, in which `*` matches any characters): the worker gets no
    /// other problems. `stop_grace_seconds` (0 to 600): the time that it needs to stop a task. Other members are stored
    /// unchanged.
    pub capabilities: Option<Map<String, Value>>,
    /// Any data of the worker, such as host and version; at most 4 KiB.
    pub metadata: Option<Map<String, Value>>,
    /// Whether to replace a live session of the same name. On a service with tokens, it must have begun with a token of the same
    /// name as the caller's.
    #[schema(default = false)]
    pub replace: Option<bool>,
    /// The requested lease duration, in seconds: without a heartbeat for this time, the worker loses its tasks to
    /// others. The service grants at least its own lease duration; the response contains the granted one.
    #[schema(minimum = 1, maximum = 600)]
    pub lease_seconds: Option<f64>,
}

impl RegisterRequest {
    /// Validates the registration of this caller; returns all errors at once.
    pub fn check(self, caller: &Caller) -> Result<WorkerRegistration, FieldErrors> {
        let mut errors = FieldErrors::new();
        let worker_id = worker_id(&mut errors, self.worker_id);
        let backends = backends(&mut errors, self.backends);
        let capabilities = self.capabilities.unwrap_or_default();
        check_slots(&mut errors, &capabilities);
        check_stop_grace(&mut errors, &capabilities);
        let problems = supported_problems(&mut errors, &capabilities);
        let lease = lease(&mut errors, self.lease_seconds);
        let metadata = self.metadata.unwrap_or_default();
        for (field, own) in [("capabilities", &capabilities), ("metadata", &metadata)] {
            checks::object(&mut errors, field, own, MAX_OWN_DATA_BYTES);
        }
        checks::refuse_if_any(errors)?;
        Ok(WorkerRegistration {
            worker_id,
            backends,
            capabilities,
            problems,
            lease,
            metadata,
            replace: self.replace.unwrap_or_default(),
            token_name: caller.token_name().map(str::to_owned),
        })
    }
}

fn backends(errors: &mut FieldErrors, given: Option<Vec<String>>) -> Vec<String> {
    let mut names = given.unwrap_or_default();
    if names.is_empty() {
        missing(errors, "backends", "what the worker serves");
    }
    if names.len() > MAX_BACKENDS {
        let message = format!(
            "has {} entries; at most {MAX_BACKENDS} are allowed",
            names.len()
        );
        errors.insert("backends".to_owned(), message);
        return Vec::new();
    }
    for (index, name) in names.iter().enumerate() {
        checks::name(errors, &format!("backends[{index}]"), "backend", name);
    }
    // Removes repeated backends.
    names.sort_unstable();
    names.dedup();
    names
}

fn check_slots(errors: &mut FieldErrors, capabilities: &Map<String, Value>) {
    let Some(slots) = capabilities.get("max_parallel_tasks") else {
        return;
    };
    let whole = slots.as_f64().and_then(whole_number::of_float::<u64>);
    if !whole.is_some_and(|slots| (1..=MAX_PARALLEL_TASKS).contains(&slots)) {
        let message = format!("must be a whole number from 1 to {MAX_PARALLEL_TASKS}");
        errors.insert("capabilities.max_parallel_tasks".to_owned(), message);
    }
}

fn check_stop_grace(errors: &mut FieldErrors, capabilities: &Map<String, Value>) {
    let Some(seconds) = capabilities.get("stop_grace_seconds") else {
        return;
    };
    let range = 0.0..=MAX_STOP_GRACE_SECONDS;
    if !seconds
        .as_f64()
        .is_some_and(|seconds| range.contains(&seconds))
    {
        let message = format!("must be a number of seconds from 0 to {MAX_STOP_GRACE_SECONDS}");
        errors.insert("capabilities.stop_grace_seconds".to_owned(), message);
    }
}

fn supported_problems(
    errors: &mut FieldErrors,
    capabilities: &Map<String, Value>,
) -> Option<ProblemPatterns> {
    let field = "capabilities.supported_problems";
    let given = capabilities.get("supported_problems")?;
    let Ok(texts) = Vec::<String>::deserialize(given) else {
        let message = "must be a list of the names of problems".to_owned();
        errors.insert(field.to_owned(), message);
        return None;
    };
    ProblemPatterns::check(errors, field, texts)
}

fn lease(errors: &mut FieldErrors, seconds: Option<f64>) -> Option<Duration> {
    let seconds = seconds?;
    if !(1.0..=MAX_LEASE_SECONDS).contains(&seconds) {
        let message = format!("must be a number of seconds from 1 to {MAX_LEASE_SECONDS}");
        errors.insert("lease_seconds".to_owned(), message);
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::backend::MAX_NAME_LENGTH;

    fn refusals(body: Value) -> Vec<String> {
        let request: RegisterRequest = serde_json::from_value(body).unwrap();
        let errors = request.check(&Caller::Anybody).err();
        errors.unwrap_or_default().into_keys().collect()
    }

    #[test]
    fn a_registration_is_refused_with_everything_that_is_wrong() {
        let refused = refusals(json!({}));
        assert_eq!(refused, ["backends", "worker_id"]);
        let body = json!({"worker_id": "a/b", "backends": ["ok", "not ok"],
                          "capabilities": {"max_parallel_tasks": 0}, "metadata": {"x": "y".repeat(20_000)}});
        let expected = [
            "backends[1]",
            "capabilities.max_parallel_tasks",
            "metadata",
            "worker_id",
        ];
        assert_eq!(refusals(body), expected);
        let crowd = json!({"worker_id": "w", "backends": vec!["b"; MAX_BACKENDS + 1]});
        assert_eq!(refusals(crowd), ["backends"]);
    }

    #[test]
    fn a_backend_named_twice_is_served_once() {
        let registering = RegisterRequest {
            worker_id: Some(format!("w{}", "x".repeat(MAX_NAME_LENGTH - 1))),
            backends: Some(vec!["b".to_owned(), "a".to_owned(), "b".to_owned()]),
            ..RegisterRequest::default()
        };
        assert_eq!(
            registering.check(&Caller::Anybody).unwrap().backends,
            ["a", "b"]
        );
    }
}
