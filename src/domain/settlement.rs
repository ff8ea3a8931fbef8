//! How an attempt ends: the moves out of `processing` that its owner can make.

use std::time::Duration;

use serde_json::Value;

use super::owner::Lease;
use super::stored_size::stored_size;

pub use super::error_code::{Blame, ErrorCode};

/// The most of a failure's message that its history row repeats, in characters.
const MAX_NOTE_LENGTH: usize = 500;

/// What an executor says when it has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why, for programs.
    pub code: ErrorCode,
    /// Why, for people.
    pub message: String,
    /// Whether another attempt could go better.
    pub transient: bool,
    /// Whose fault it is.
    pub blame: Blame,
}

impl Failure {
    /// A failure that would come again at every attempt.
    pub fn permanent(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(code, message.into(), false)
    }

    /// A failure that may not come again.
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

    /// The same failure, with the fault where `blame` puts it; where it is None, as the code says.
    #[must_use]
    pub fn blaming(mut self, blame: Option<Blame>) -> Self {
        self.blame = blame.unwrap_or(self.blame);
        self
    }
}

/// What an executor says when it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The result, as clients read it.
    pub result: Value,
    /// How it was run: method, seed, registers.
    pub execution: Value,
    /// How many bytes both have where they are stored.
    pub bytes: usize,
}

impl Outcome {
    /// An outcome and its size.
    pub fn new(result: Value, execution: Value) -> Self {
        let bytes = stored_size(&result).saturating_add(stored_size(&execution));
        Self {
            result,
            execution,
            bytes,
        }
    }
}

/// The end of one attempt, as its owner reports it. One constructor for each move.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Who reports.
    pub lease: Lease,
    /// What is reported.
    pub verdict: Verdict,
}

/// What an attempt showed about the environment of its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Tasks can be completed there.
    Fit,
    /// It failed the attempt.
    Unfit,
}

/// The moves out of `processing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// To `completed`.
    Completed(Outcome),
    /// To `failed`, at once.
    Failed(Failure),
    /// To `retrying` after the delay, or to `failed` when this was the last attempt.
    Retry(Failure, Duration),
    /// Back to `retrying` at once; the attempt does not count. The text says why.
    Released(&'static str),
}

impl Verdict {
    /// The name that the statement in `store` decides by.
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

    /// The executor failed; whether that is final is the failure's own word and the task's count of
    /// attempts.
    pub fn fail(lease: Lease, failure: Failure, retry_after: Duration) -> Self {
        let verdict = if failure.transient {
            Verdict::Retry(failure, retry_after)
        } else {
            Verdict::Failed(failure)
        };
        Self { lease, verdict }
    }

    /// The worker gives the task back unfinished.
    pub fn release(lease: Lease, reason: &'static str) -> Self {
        Self {
            lease,
            verdict: Verdict::Released(reason),
        }
    }

    /// Why the attempt failed, where it did.
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

    /// What the end of the attempt says about the worker's environment. A failure for the task's own reasons,
    /// a timeout or a release says nothing.
    pub fn evidence(&self) -> Option<Evidence> {
        match &self.verdict {
            Verdict::Completed(_) => Some(Evidence::Fit),
            _ => self.blames_worker().then_some(Evidence::Unfit),
        }
    }

    /// Whether the task is given back unfinished.
    pub const fn is_release(&self) -> bool {
        matches!(self.verdict, Verdict::Released(_))
    }

    /// About how many bytes the report carries; a result can be large.
    pub fn weight(&self) -> usize {
        match &self.verdict {
            Verdict::Completed(outcome) => outcome.bytes,
            Verdict::Failed(failure) | Verdict::Retry(failure, _) => failure.message.len(),
            Verdict::Released(_) => 0,
        }
    }

    /// What the history row says about the move.
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

/// PostgreSQL has no NUL in texts: a failure that cannot be stored would be written again for ever.
fn storable(message: String) -> String {
    if message.contains('\0') {
        message.replace('\0', "\u{fffd}")
    } else {
        message
    }
}

/// Short enough for every reader of the history; the whole of it stands at the task.
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
