//! The answer to a submission that is only tried.

use serde::Serialize;
use utoipa::ToSchema;

use crate::executor::circuit_report::{CircuitMistake, CircuitSurvey, CircuitVerdict, MistakeCode};

/// What a submission would come to.
#[allow(
    clippy::struct_field_names,
    reason = "`dry_run` is its name on the wire"
)]
#[derive(Debug, Serialize, ToSchema)]
pub struct DryRun {
    /// Always true: nothing was stored.
    pub dry_run: bool,
    /// Whether the task would be accepted and, as far as is checked, run.
    pub valid: bool,
    /// `circuit` or `problem`.
    pub kind: &'static str,
    /// Who would run it.
    pub backend: String,
    /// Whether the circuit itself was checked: that of a task for the simulator is.
    pub circuit_checked: bool,
    /// Why it would fail, up to ten mistakes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<CircuitMistake>,
    /// What the circuit would take; left out where it was not checked or is no program.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub survey: Option<CircuitSurvey>,
}

impl DryRun {
    /// The answer for a task that its backend does not run.
    pub fn unsupported(kind: &'static str, backend: String, message: &str) -> Self {
        let mistake =
            CircuitMistake::without_position(MistakeCode::UnsupportedTask, message.to_owned());
        Self {
            valid: false,
            errors: vec![mistake],
            ..Self::new(kind, backend, None)
        }
    }

    /// The answer for a task whose circuit was checked, or needs no check.
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
