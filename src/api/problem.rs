//! Problem documents: `application/problem+json` (RFC 9457), the body of every error.

use std::fmt;
use std::num::NonZeroU16;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use tracing::{error, warn};
use utoipa::ToSchema;

use super::correlation;
use crate::domain::checks::FieldErrors;
use crate::metrics;
use crate::store::StoreError;

/// `Retry-After` of a 503 or 507, in seconds.
const RETRY_AFTER_SECONDS: u16 = 2;

/// An error response.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: FieldErrors,
    allow: Option<String>,
    challenge: Option<String>,
    /// Seconds; two bytes, because this is the error of most functions.
    retry_after: Option<NonZeroU16>,
}

/// The body of every error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:qtask:problem:validation_failed")]
    kind: String,
    /// The HTTP status in words.
    #[schema(example = "Unprocessable Entity")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// The cause of this occurrence, for people.
    detail: String,
    /// The kind of problem, for programs to branch on.
    #[schema(example = "validation_failed")]
    code: &'static str,
    /// The errors of fields, by name.
    #[serde(skip_serializing_if = "FieldErrors::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    errors: FieldErrors,
    /// Names the request in the service's logs.
    correlation_id: Option<String>,
}

/// Maximum length of `detail`, in bytes: it may quote the request.
const MAX_DETAIL: usize = 4 << 10;
/// Maximum length of a field's name, in bytes.
const MAX_FIELD: usize = 128;
/// Maximum length of a message about a field, in bytes.
const MAX_MESSAGE: usize = 1 << 10;
/// Maximum number of fields in `errors`, and of those that `detail` names.
const MAX_ERRORS: usize = 200;
const MAX_NAMED: usize = 20;

/// Truncates a text to at most `most` bytes.
fn shortened(mut text: String, most: usize) -> String {
    const MARK: &str = "…";
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most - MARK.len()));
        text.push_str(MARK);
    }
    text
}

impl Problem {
    /// A problem of this status; `code` is for programs, `detail` for people. Long values of the request are
    /// truncated.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: shortened(detail.into(), MAX_DETAIL),
            errors: FieldErrors::new(),
            allow: None,
            challenge: None,
            retry_after: None,
        }
    }

    /// The same problem with other words for people.
    #[must_use]
    pub fn explained(self, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    /// Fields that are well-formed but invalid.
    pub fn validation(errors: FieldErrors) -> Self {
        let short =
            |(field, message)| (shortened(field, MAX_FIELD), shortened(message, MAX_MESSAGE));
        let errors: FieldErrors = errors.into_iter().take(MAX_ERRORS).map(short).collect();
        let names: Vec<&str> = errors.keys().map(String::as_str).take(MAX_NAMED).collect();
        let more = match errors.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let detail = format!(
            "The request cannot be used: see errors for {}{more}.",
            names.join(", ")
        );
        Self {
            errors,
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "validation_failed",
                detail,
            )
        }
    }

    /// No task has this id.
    pub fn task_not_found(task_id: uuid::Uuid) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "task_not_found",
            format!("There is no task {task_id}."),
        )
    }

    /// A defect of the service; the cause is in its log only.
    pub fn internal_error() -> Self {
        let detail =
            "Something is wrong with this service; its log says more under the correlation id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    /// No worker has this name.
    pub fn worker_not_found(worker_id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "worker_not_found",
            format!("There is no worker `{worker_id}`."),
        )
    }

    /// The session's lease has expired, or the worker has ended the session.
    pub fn session_ended(worker_id: &str) -> Self {
        let detail = format!(
            "This session of worker `{worker_id}` has ended and its tasks are lost: register anew."
        );
        Self::new(StatusCode::CONFLICT, "session_ended", detail)
    }

    /// The worker's name belongs to another session.
    pub fn session_replaced(worker_id: &str) -> Self {
        let detail = format!(
            "Another worker has registered as `{worker_id}`: each needs a name of its own."
        );
        Self::new(StatusCode::CONFLICT, "session_replaced", detail)
    }

    /// The path exists, the method does not.
    pub fn method_not_allowed(method: &str, allow: &str) -> Self {
        let detail = format!("{method} is not possible here; possible: {allow}.");
        Self {
            allow: Some(allow.to_owned()),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        }
    }

    /// The same with a challenge, which tells clients how to authenticate.
    #[must_use]
    pub fn with_challenge(self, challenge: String) -> Self {
        Self {
            challenge: Some(challenge),
            ..self
        }
    }

    /// Says when to repeat the request, in `Retry-After`.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        // Whole seconds, rounded up: an earlier repetition would fail.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let seconds = u16::try_from(seconds).unwrap_or(u16::MAX);
        Self {
            retry_after: NonZeroU16::new(seconds.max(1)),
            ..self
        }
    }

    fn body(&self) -> ProblemBody {
        ProblemBody {
            kind: format!("urn:qtask:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code,
            errors: self.errors.clone(),
            correlation_id: correlation::current(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        metrics::http_problem(self.code);
        let mut response = HttpResponse::build(self.status);
        let is_temporary = matches!(
            self.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE
        );
        let retry_after = is_temporary.then_some(RETRY_AFTER_SECONDS);
        if let Some(seconds) = self.retry_after.map(NonZeroU16::get).or(retry_after) {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, allow.as_str()));
        }
        if let Some(challenge) = &self.challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
        }
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) | StoreError::TooSlow(reason) => {
                warn!(
                    event = "request.database_unavailable",
                    reason, "request refused: the database cannot be reached"
                );
                let detail =
                    "The database cannot be reached; nothing was changed. Try again in a moment.";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database_unavailable",
                    detail,
                )
            }
            StoreError::TooManyConnections(reason) => {
                warn!(
                    event = "request.too_many_connections",
                    reason, "request refused: the database has too many connections"
                );
                let detail = "The database has too many connections, so that this one was refused; nothing was changed. Try again soon. \
                              If it lasts, raise max_connections there, or run fewer processes.";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database_unavailable",
                    detail,
                )
            }
            StoreError::SerializationConflict(reason) => {
                warn!(
                    event = "request.serialization_conflict",
                    reason, "request refused: serialization conflict"
                );
                let detail = "Another request stood in the way; nothing was changed. Try again.";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "serialization_conflict",
                    detail,
                )
            }
            StoreError::Schema(fault) => {
                warn!(
                    event = "request.schema_mismatch", code = fault.code(), %fault,
                    "request refused: the schema version differs"
                );
                let detail = format!("Not carried out: {fault}.");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, fault.code(), detail)
            }
            StoreError::Cancelled(reason) => {
                warn!(
                    event = "request.statement_cancelled",
                    reason, "request refused: the database cancelled its statement"
                );
                let detail = "The statement was cancelled on the database's side; nothing was changed. Try again in a moment.";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "statement_cancelled",
                    detail,
                )
            }
            StoreError::OutcomeUnknown(reason) => {
                warn!(
                    event = "request.outcome_unknown",
                    reason, "request outcome unknown: the database did not answer"
                );
                let detail = "The connection to the database was lost before the reply, so it is not known whether the request was carried out. \
                              Repeating it is safe.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown", detail)
            }
            StoreError::DiskFull(reason) => {
                error!(
                    event = "request.storage_full",
                    reason, "request refused: the database disk is full"
                );
                let detail = "The database's disk is full; nothing was changed.";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", detail)
            }
            StoreError::Unstorable(reason) => {
                warn!(
                    event = "request.unstorable",
                    reason, "request refused: the database cannot store its values"
                );
                let detail = format!(
                    "The database cannot store this, now or later; nothing was changed: {reason}."
                );
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unstorable", detail)
            }
            StoreError::Refused(reason) => {
                error!(
                    event = "request.statement_refused",
                    reason, "request failed: the database refused its statement"
                );
                Self::internal_error()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_short_however_long_the_text_that_it_quotes() {
        let long = "ü".repeat(1 << 20);
        let errors = (0..10_000).map(|n| (format!("{n}{long}"), long.clone()));
        let refused = Problem::validation(errors.take(300).collect());
        assert_eq!(refused.errors.len(), MAX_ERRORS);
        assert!(refused.detail.ends_with(" and 180 more."));
        let size = serde_json::to_string(&refused.body()).unwrap().len();
        assert!(size < 300 << 10, "{size}");
        let quoted = Problem::new(StatusCode::NOT_FOUND, "not_found", long);
        assert!(quoted.detail.ends_with("ü…") && quoted.detail.len() <= MAX_DETAIL);
    }
}
