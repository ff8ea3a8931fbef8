//! Errors of the client commands: their causes, messages and exit codes.

use std::process::ExitCode;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::model::plain;

/// Exit codes of the client commands, as documented in their help.
pub mod exit {
    /// A task failed or was cancelled.
    pub const TASK_FAILED: u8 = 1;
    /// Usage error.
    pub const USAGE: u8 = 2;
    /// The service is unreachable or failed.
    pub const SERVICE: u8 = 3;
    /// Ctrl-C: 128 + SIGINT.
    pub const INTERRUPTED: u8 = 130;
    /// The reader closed the output: 128 + SIGPIPE.
    pub const OUTPUT_CLOSED: u8 = 141;
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Usage error.
    #[error("{0}")]
    Usage(String),
    /// The service did not answer.
    #[error("{0}")]
    Unreachable(String),
    /// TLS failed: the certificate of one side is refused, or the other side does not speak TLS. A later try would
    /// fail, too.
    #[error("{0}")]
    Untrusted(String),
    /// The answer does not conform to the API.
    #[error("{0}")]
    BadAnswer(String),
    /// The service rejected the request.
    #[error("{}", .0.detail)]
    Refused(Box<Refusal>),
    /// The error was already reported; contains its exit code.
    #[error("")]
    AlreadyReported(u8),
    /// Standard output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(std::io::Error),
    /// The reader closed the output.
    #[error("nobody reads the output")]
    OutputClosed,
}

impl From<std::io::Error> for ClientError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Output(error),
        }
    }
}

impl ClientError {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::AlreadyReported(code) => *code,
            Self::Usage(_) => exit::USAGE,
            Self::Refused(refusal) if refusal.is_the_callers() && !self.is_missing_endpoint() => {
                exit::USAGE
            }
            Self::Refused(_)
            | Self::Unreachable(_)
            | Self::Untrusted(_)
            | Self::BadAnswer(_)
            | Self::Output(_) => exit::SERVICE,
            Self::OutputClosed => exit::OUTPUT_CLOSED,
        }
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> ExitCode {
        self.code().into()
    }

    /// Whether the error is transient: the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused(refusal) => matches!(refusal.status, 408 | 429 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// The `Retry-After` of the service.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Whether the service does not know the path: it is of an older version.
    pub fn is_missing_endpoint(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 405 || refusal.code == "not_found")
    }

    /// Translates field names into the user's terms.
    #[must_use]
    pub fn with_fields_called(mut self, name: impl Fn(&str) -> String) -> Self {
        if let Self::Refused(refusal) = &mut self {
            let errors = std::mem::take(&mut refusal.errors);
            let renamed = errors
                .into_iter()
                .map(|(field, message)| (name(&field), message));
            refusal.errors = renamed.collect();
        }
        self
    }

    /// The message: the error, then each invalid field and its reason on a separate line.
    pub fn lines(&self) -> Vec<String> {
        let refusal = match self {
            Self::Refused(refusal) => refusal,
            Self::AlreadyReported(_) | Self::OutputClosed => return Vec::new(),
            other => return vec![other.to_string()],
        };
        let fields = refusal.errors.iter();
        let fields = fields.map(|(field, message)| format!("  {field}: {}", plain(message)));
        let mut lines: Vec<String> = std::iter::once(refusal.detail.clone())
            .chain(fields)
            .collect();
        if refusal.status == 401 {
            let hint = "  Set QTASK_TOKEN or QTASK_TOKEN_FILE to a valid token; `qtask token create` makes one.";
            lines.push(hint.to_owned());
        }
        if self.is_missing_endpoint() {
            let hint = "  Is this a qtask service, and of the same version as this command?";
            lines.push(hint.to_owned());
        }
        if let Some(id) = refusal
            .correlation_id
            .as_ref()
            .filter(|_| refusal.status >= 500)
        {
            lines.push(format!("  in the service's log under correlation id {id}"));
        }
        lines
    }
}

/// An answer with an error status.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, for programs.
    pub code: String,
    /// The message, for people.
    pub detail: String,
    /// The reason for each invalid field.
    pub errors: Map<String, Value>,
    /// Identifies the request in the service's log.
    pub correlation_id: Option<String>,
    /// The delay before the next try.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProblemDocument {
    code: String,
    detail: String,
    errors: Map<String, Value>,
    correlation_id: Option<String>,
}

impl Refusal {
    /// Parses problem+json; any other body, such as a proxy's error page, is reduced to its status.
    pub fn new(status: StatusCode, retry_after: Option<Duration>, body: &str) -> Self {
        let problem: ProblemDocument = serde_json::from_str(body).unwrap_or_default();
        let reason = status.canonical_reason().unwrap_or("an error");
        Self {
            status: status.as_u16(),
            code: problem.code,
            detail: if problem.detail.is_empty() {
                format!("The service answered {} {reason}.", status.as_u16())
            } else {
                problem.detail
            },
            errors: problem.errors,
            correlation_id: problem.correlation_id,
            retry_after,
        }
    }

    /// Whether the client caused the error, not the service.
    fn is_the_callers(&self) -> bool {
        (400..500).contains(&self.status) && !matches!(self.status, 408 | 429)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> ClientError {
        let status = StatusCode::from_u16(status).unwrap();
        ClientError::Refused(Box::new(Refusal::new(status, None, body)))
    }

    #[test]
    fn each_error_has_its_exit_code() {
        let codes = [400, 404, 409, 422, 429, 500, 503].map(|status| refused(status, "").code());
        assert_eq!(codes, [2, 2, 2, 2, 3, 3, 3]);
        assert_eq!(ClientError::Unreachable(String::new()).code(), 3);
        assert_eq!(ClientError::Usage(String::new()).code(), 2);
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(ClientError::from(closed).code(), 141);
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let passing =
            [408, 422, 500, 502, 503, 507].map(|status| refused(status, "").is_transient());
        assert_eq!(passing, [true, false, false, true, true, false]);
    }

    #[test]
    fn every_field_has_a_line_of_its_own() {
        let body = r#"{"detail": "See errors.", "errors": {"shots": "too many", "circuit": "is empty"}, "correlation_id": "c-1"}"#;
        let lines = refused(422, body).lines();
        assert_eq!(
            lines,
            ["See errors.", "  circuit: is empty", "  shots: too many"]
        );
        assert_eq!(refused(500, body).lines().len(), 4);
    }

    #[test]
    fn an_answer_of_something_else_is_told_by_its_status() {
        assert_eq!(
            refused(502, "<html>").to_string(),
            "The service answered 502 Bad Gateway."
        );
    }
}
