//! Error codes of failed tasks.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use utoipa::ToSchema;

/// Maximum length of a code, in characters.
const MAX_CODE_LENGTH: usize = 64;

/// The error code of a failed task. The API and the database contain its text form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The circuit is invalid.
    InvalidCircuit,
    /// The task exceeds a limit of memory, time or output.
    ResourceLimit,
    /// The attempt ran longer than its timeout.
    Timeout,
    /// The worker's lease expired, and no attempts were left.
    WorkerLost,
    /// The executor failed.
    ExecutionError,
    /// The worker has no executor for the task's backend or kind of work.
    UnsupportedTask,
    /// The system killed a command, for example because it ran out of memory.
    Killed,
    /// The worker's environment was not fit for the task.
    EnvironmentError,
    /// A command's output violates the protocol.
    InvalidOutput,
    /// A command's output exceeds its limit.
    OutputLimit,
    /// A code that a command reported.
    Own(OwnCode),
}

/// The cause of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The task, which would fail on any worker.
    Task,
    /// The worker, whose environment is not fit. Another worker gets the next attempt.
    Worker,
}

/// A code that qtask does not define: a word in `snake_case` of at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnCode(Box<str>);

impl ErrorCode {
    /// The codes that qtask defines.
    const KNOWN: [Self; 10] = [
        Self::InvalidCircuit,
        Self::ResourceLimit,
        Self::Timeout,
        Self::WorkerLost,
        Self::ExecutionError,
        Self::UnsupportedTask,
        Self::Killed,
        Self::EnvironmentError,
        Self::InvalidOutput,
        Self::OutputLimit,
    ];

    /// The default cause of failures with this code.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Killed | Self::EnvironmentError => Blame::Worker,
            _ => Blame::Task,
        }
    }

    /// The code as stored and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidCircuit => "invalid_circuit",
            Self::ResourceLimit => "resource_limit",
            Self::Timeout => "timeout",
            Self::WorkerLost => "worker_lost",
            Self::ExecutionError => "execution_error",
            Self::UnsupportedTask => "unsupported_task",
            Self::Killed => "killed",
            Self::EnvironmentError => "environment_error",
            Self::InvalidOutput => "invalid_output",
            Self::OutputLimit => "output_limit",
            Self::Own(code) => &code.0,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a valid code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a code is a word of at most {MAX_CODE_LENGTH} of `a-z 0-9 _` that begins with a letter, like `no_such_qubit`"
)]
pub struct NoCode;

impl FromStr for ErrorCode {
    type Err = NoCode;

    /// Parses a code of qtask, or another word of the valid form.
    fn from_str(text: &str) -> Result<Self, NoCode> {
        if let Some(known) = Self::KNOWN.into_iter().find(|code| code.as_str() == text) {
            return Ok(known);
        }
        let is_word = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if is_word && text.len() <= MAX_CODE_LENGTH {
            Ok(Self::Own(OwnCode(text.into())))
        } else {
            Err(NoCode)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_again_by_its_name() {
        for code in ErrorCode::KNOWN {
            assert_eq!(code.as_str().parse(), Ok(code));
        }
        assert_eq!(ErrorCode::EnvironmentError.blame(), Blame::Worker);
        assert_eq!(ErrorCode::Timeout.blame(), Blame::Task);
        let own: ErrorCode = "no_such_qubit".parse().unwrap();
        assert!(matches!(own, ErrorCode::Own(_)));
        assert_eq!(own.to_string(), "no_such_qubit");
    }

    #[test]
    fn a_code_is_one_short_word() {
        assert!("x".repeat(64).parse::<ErrorCode>().is_ok());
        for bad in ["", "1st", "_x", "No", "a b", "a-b", "é", &"x".repeat(65)] {
            assert_eq!(bad.parse::<ErrorCode>(), Err(NoCode), "{bad:?}");
        }
    }
}
