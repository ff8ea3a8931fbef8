//! Settlements: the transitions out of `processing` that an owner can make.

use std::time::Duration;

use serde_json::Value;

use super::owner::Lease;
use super::stored_size::stored_size;

pub use super::error_code::{Blame, ErrorCode};

/// Maximum length of a failure's message in the history, in characters.
const MAX_NOTE_LENGTH: usize = 500;

/// The failure that an executor reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The reason, for programs.
    pub code: ErrorCode,
    /// The reason, for people.
    pub message: String,
    /// Whether another attempt may succeed.
    pub transient: bool,
    /// The cause of the failure.
    pub blame: Blame,
}

impl Failure {
    /// A failure that would recur at every attempt.
    pub fn permanent(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(code, message.into(), false)
    }

    /// A failure that may not recur.
    pub fn transient(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(code, message.into(), true)
    }

    fn new(code: ErrorCode, message: String, transient: bool) -> Self {
        Self {
            blame: code.blame(),
            code,
            message: storable(message),
            transient,
        }
    }

    /// Sets the cause to `blame`, or to the default of the code if it is `None`.
    #[must_use]
    pub fn blaming(mut self, blame: Option<Blame>) -> Self {
        self.blame = blame.unwrap_or(self.blame);
        self
    }
}

/// The result that an executor delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The result, as clients read it.
    pub result: Value,
    /// Data about the execution: method, seed, registers.
    pub execution: Value,
    /// Stored size of both, in bytes.
    pub bytes: usize,
}

impl Outcome {
    /// Creates an outcome and computes its size.
    pub fn new(result: Value, execution: Value) -> Self {
        let bytes = stored_size(&result).saturating_add(stored_size(&execution));
        Self {
            result,
            execution,
            bytes,
        }
    }
}

/// The end of one attempt, as its owner reports it. There is one constructor for each transition.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The lease of the owner.
    pub lease: Lease,
    /// The reported transition.
    pub verdict: Verdict,
}

/// Evidence of an attempt about the environment of its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The attempt completed in the environment.
    Fit,
    /// The environment caused the failure of the attempt.
    Unfit,
}

/// The transitions out of `processing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// To `completed`.
    Completed(Outcome),
    /// To `failed`, without a retry.
    Failed(Failure),
    /// To `retrying` with this delay, or to `failed` after the last attempt.
    Retry(Failure, Duration),
    /// To `retrying` without a delay; the attempt does not count. The text is the reason.
    Released(&'static str),
}

impl Verdict {
    /// The name by which the statement in `store` selects the transition.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::Failed(_) => "failed",
            Self::Retry(..) => "retry",
            Self::Released(_) => "released",
        }
    }
}

impl Settlement {
    /// The executor delivered a result.
    pub fn complete(lease: Lease, outcome: Outcome) -> Self {
        Self {
            lease,
            verdict: Verdict::Completed(outcome),
        }
    }

    /// The executor failed; the task is retried if the failure is transient and attempts are left.
    pub fn fail(lease: Lease, failure: Failure, retry_after: Duration) -> Self {
        let verdict = if failure.transient {
            Verdict::Retry(failure, retry_after)
        } else {
            Verdict::Failed(failure)
        };
        Self { lease, verdict }
    }

    /// The worker releases the task unfinished.
    pub fn release(lease: Lease, reason: &'static str) -> Self {
        Self {
            lease,
            verdict: Verdict::Released(reason),
        }
    }

    /// The failure, if the attempt failed.
    pub const fn failure(&self) -> Option<&Failure> {
        match &self.verdict {
            Verdict::Failed(failure) | Verdict::Retry(failure, _) => Some(failure),
            Verdict::Completed(_) | Verdict::Released(_) => None,
        }
    }

    /// Whether the worker's environment failed the attempt.
    pub fn blames_worker(&self) -> bool {
        self.failure()
            .is_some_and(|failure| failure.blame == Blame::Worker)
    }

    /// Evidence of the settlement about the worker's environment. `None` for a failure that the task caused, a timeout
    /// and a release.
    pub fn evidence(&self) -> Option<Evidence> {
        match &self.verdict {
            Verdict::Completed(_) => Some(Evidence::Fit),
            _ => self.blames_worker().then_some(Evidence::Unfit),
        }
    }

    /// Whether the task is released unfinished.
    pub const fn is_release(&self) -> bool {
        matches!(self.verdict, Verdict::Released(_))
    }

    /// Approximate size of the report, in bytes; a result can be large.
    pub fn weight(&self) -> usize {
        match &self.verdict {
            Verdict::Completed(outcome) => outcome.bytes,
            Verdict::Failed(failure) | Verdict::Retry(failure, _) => failure.message.len(),
            Verdict::Released(_) => 0,
        }
    }

    /// The note of the transition in the history.
    pub fn note(&self) -> String {
        match &self.verdict {
            Verdict::Completed(_) => "Task completed successfully".to_owned(),
            Verdict::Failed(failure) | Verdict::Retry(failure, _) => {
                format!("{}: {}", failure.code, first_line(&failure.message))
            }
            Verdict::Released(reason) => format!("Handed back: {reason}"),
        }
    }
}

/// Replaces NUL, which PostgreSQL cannot store: the write of such a failure would be retried without end.
fn storable(message: String) -> String {
    if message.contains('\0') {
        message.replace('\0', "\u{fffd}")
    } else {
        message
    }
}

/// The beginning of a message, for the history; the task holds the whole message.
fn first_line(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    let end = line.char_indices().nth(MAX_NOTE_LENGTH);
    end.and_then(|(end, _)| line.get(..end)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_row_repeats_the_beginning_of_a_long_message() {
        assert_eq!(first_line("one\ntwo"), "one");
        assert_eq!(first_line(&"é".repeat(501)), "é".repeat(500));
    }

    #[test]
    fn a_failure_says_nothing_that_cannot_be_stored() {
        let failure = Failure::transient(ErrorCode::ExecutionError, "a\0b");
        assert_eq!(failure.message, "a\u{fffd}b");
        let failure = Failure::permanent(ErrorCode::ExecutionError, "\0");
        assert_eq!(failure.message, "\u{fffd}");
    }
}
