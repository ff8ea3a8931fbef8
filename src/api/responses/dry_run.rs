//! The response to a dry run.

use serde::Serialize;
use utoipa::ToSchema;

use crate::executor::circuit_report::{CircuitMistake, CircuitSurvey, CircuitVerdict, MistakeCode};

/// The result of a dry run of a submission.
#[allow(
    clippy::struct_field_names,
    reason = "`dry_run` is its name on the wire"
)]
#[derive(Debug, Serialize, ToSchema)]
pub struct DryRun {
    /// Always true: nothing was stored.
    pub dry_run: bool,
    /// Whether the task would be accepted and, as far as it is checked, would run.
    pub valid: bool,
    /// `circuit` or `problem`.
    pub kind: &'static str,
    /// The backend that would run it.
    pub backend: String,
    /// Whether the circuit itself was checked; only circuits for the simulator are.
    pub circuit_checked: bool,
    /// The errors that would make the task fail, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<CircuitMistake>,
    /// The resources that the circuit needs; absent if it was not checked or is not a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub survey: Option<CircuitSurvey>,
}

impl DryRun {
    /// The response for a task that its backend does not support.
    pub fn unsupported(kind: &'static str, backend: String, message: &str) -> Self {
        let mistake =
            CircuitMistake::without_position(MistakeCode::UnsupportedTask, message.to_owned());
        Self {
            valid: false,
            errors: vec![mistake],
            ..Self::new(kind, backend, None)
        }
    }

    /// The response for a task whose circuit was checked or needs no check.
    pub fn new(kind: &'static str, backend: String, verdict: Option<CircuitVerdict>) -> Self {
        let circuit_checked = verdict.is_some();
        let CircuitVerdict {
            valid,
            errors,
            survey,
        } = verdict.unwrap_or(CircuitVerdict {
            valid: true,
            errors: Vec::new(),
            survey: None,
        });
        Self {
            dry_run: true,
            valid,
            kind,
            backend,
            circuit_checked,
            errors,
            survey,
        }
    }
}
