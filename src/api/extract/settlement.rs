//! `POST /tasks/{task_id}/complete`, `/fail` and `/release`.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::lease::Owner;
use crate::domain::backoff::Backoff;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::settlement::{Blame, ErrorCode, Failure, Outcome, Settlement};
use crate::domain::whole_number;

/// Maximum size of `result` as JSON, in bytes.
const MAX_RESULT_BYTES: usize = 8 << 20;
/// Maximum size of `execution` as JSON, in bytes.
const MAX_EXECUTION_BYTES: usize = 64 << 10;
/// Maximum length of a failure's message, in bytes.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// The owner delivers a result.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// The worker's name.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    worker_id: String,
    /// The session id that the registration returned.
    session_id: Uuid,
    /// The attempt number that the claim returned.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "whole_number::required")]
    attempt: i32,
    /// Any value but null, at most 8 MiB; for a problem `{"logs": [], "metrics": {}, "output": {}}`.
    result: Value,
    /// Data about the execution; `queued_ms` and `executed_ms` are added if they are missing.
    #[serde(default)]
    execution: Option<Map<String, Value>>,
}

/// The owner reports a failure.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// The worker's name.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    worker_id: String,
    /// The session id that the registration returned.
    session_id: Uuid,
    /// The attempt number that the claim returned.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "whole_number::required")]
    attempt: i32,
    /// The reason, as a code for programs.
    #[schema(
        default = "execution_error",
        max_length = 64,
        pattern = "^[a-z][a-z0-9_]*$"
    )]
    code: Option<String>,
    /// The reason, for people; at most 64 KiB.
    #[schema(min_length = 1)]
    message: String,
    /// Whether another attempt may succeed; by default true if `blame` is `worker`.
    #[schema(default = false)]
    retry: Option<bool>,
    /// The cause of the failure: `worker` if its environment was not fit, so that another worker gets the next attempt.
    /// By default `worker` for the codes `environment_error` and `killed`, `task` for others.
    blame: Option<Blame>,
}

/// The owner returns the task unfinished.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The worker's name.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    worker_id: String,
    /// The session id that the registration returned.
    session_id: Uuid,
    /// The attempt number that the claim returned.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "whole_number::required")]
    attempt: i32,
}

impl Complete {
    /// Validates the report and returns the settlement.
    pub fn into_settlement(self, task_id: Uuid) -> Result<Settlement, FieldErrors> {
        let mut errors = FieldErrors::new();
        let owner = Owner {
            worker_id: &self.worker_id,
            session_id: self.session_id,
            attempt: self.attempt,
        };
        let lease = owner.lease(&mut errors, task_id);
        let execution = self.execution.unwrap_or_default();
        checks::object(&mut errors, "execution", &execution, MAX_EXECUTION_BYTES);
        let outcome = Outcome::new(self.result, Value::Object(execution));
        if let Err(message) = check_result(&outcome) {
            errors.insert("result".to_owned(), message);
        }
        checks::refuse_if_any(errors)?;
        Ok(Settlement::complete(lease, outcome))
    }
}

/// Checks the size of the result; that of `execution`, which is small, is included.
fn check_result(outcome: &Outcome) -> Result<(), String> {
    if outcome.result.is_null() {
        return Err("must not be null".to_owned());
    }
    if checks::value_has_nul(&outcome.result) {
        return Err("must not contain the NUL character".to_owned());
    }
    let (bytes, most) = (outcome.bytes, MAX_RESULT_BYTES + MAX_EXECUTION_BYTES);
    if bytes > most {
        return Err(format!(
            "has {bytes} bytes as JSON with its execution and its numbers written out; at most {most} are allowed"
        ));
    }
    Ok(())
}

impl Fail {
    /// Validates the report and returns the settlement.
    pub fn into_settlement(
        self,
        task_id: Uuid,
        backoff: Backoff,
    ) -> Result<Settlement, FieldErrors> {
        let mut errors = FieldErrors::new();
        let owner = Owner {
            worker_id: &self.worker_id,
            session_id: self.session_id,
            attempt: self.attempt,
        };
        let lease = owner.lease(&mut errors, task_id);
        let code = code(&mut errors, self.code.as_deref());
        if let Err(message) = check_message(&self.message) {
            errors.insert("message".to_owned(), message);
        }
        let retry = self.retry.unwrap_or(self.blame == Some(Blame::Worker));
        let failure = if retry {
            Failure::transient(code, self.message)
        } else {
            Failure::permanent(code, self.message)
        };
        let failures = u32::try_from(self.attempt).unwrap_or(1);
        let failure = failure.blaming(self.blame);
        let settlement = Settlement::fail(lease, failure, backoff.delay(failures));
        checks::refuse_if_any(errors)?;
        Ok(settlement)
    }
}

fn code(errors: &mut FieldErrors, text: Option<&str>) -> ErrorCode {
    let parsed = text.map_or(Ok(ErrorCode::ExecutionError), str::parse);
    parsed.unwrap_or_else(|error| {
        errors.insert("code".to_owned(), error.to_string());
        ErrorCode::ExecutionError
    })
}

fn check_message(message: &str) -> Result<(), String> {
    let bytes = message.len();
    match bytes {
        0 => Err("must not be empty".to_owned()),
        1..=MAX_MESSAGE_BYTES => Ok(()),
        _ => Err(format!(
            "has {bytes} bytes; at most {MAX_MESSAGE_BYTES} are allowed"
        )),
    }
}

impl Release {
    /// Validates the report and returns the settlement.
    pub fn into_settlement(self, task_id: Uuid) -> Result<Settlement, FieldErrors> {
        let mut errors = FieldErrors::new();
        let owner = Owner {
            worker_id: &self.worker_id,
            session_id: self.session_id,
            attempt: self.attempt,
        };
        let lease = owner.lease(&mut errors, task_id);
        checks::refuse_if_any(errors)?;
        Ok(Settlement::release(lease, "its worker released it"))
    }
}
