//! Errors of the simulator, and how a mistake in a circuit is shown to its author.

use crate::limits::{MAX_ERRORS, MAX_EXCERPT_CHARS, MAX_MESSAGE_CHARS};
use crate::resources::stop::Stopped;
use std::fmt;

/// Why a circuit has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulatorError {
    /// The circuit is wrong, or uses a feature that this simulator does not support. Never empty.
    #[error("{}", join(.0))]
    Circuit(Vec<CircuitError>),
    /// The circuit may be valid but exceeds a limit of this simulator.
    #[error("{message}")]
    ResourceLimit {
        /// What was needed and what is allowed, with numbers.
        message: String,
    },
    /// An observable does not fit the circuit.
    #[error("observables[{observable}][{term}]: {message}")]
    Observable {
        /// Its index in the request.
        observable: usize,
        /// The index of its term.
        term: usize,
        /// What was expected.
        message: String,
    },
    /// The run was cancelled or ran past its deadline.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl SimulatorError {
    /// Mistakes in source order. If only the size of the circuit is at fault, the result is `ResourceLimit`.
    pub(crate) fn located(source: &str, mut errors: Vec<Diagnostic>) -> Self {
        errors.sort_by_key(|error| error.at);
        errors.truncate(MAX_ERRORS);
        let only_limits = errors.iter().all(|error| error.is_limit);
        let errors: Vec<CircuitError> = errors.iter().map(|error| error.locate(source)).collect();
        if only_limits {
            let message = join(&errors);
            return Self::ResourceLimit { message };
        }
        Self::Circuit(errors)
    }
}

/// One mistake in the source of a circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and, where it helps, what was expected.
    pub message: String,
    /// The source line, or a window of it when the line is long.
    pub excerpt: String,
    /// Where in the excerpt the mistake is, in characters from 0.
    pub caret: usize,
}

impl fmt::Display for CircuitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            excerpt,
            caret,
        } = self;
        write!(f, "line {line}, column {column}: {message}")?;
        if excerpt.trim().is_empty() {
            return Ok(());
        }
        write!(f, "\n  {excerpt}\n  {:caret$}^", "")
    }
}

fn join(errors: &[CircuitError]) -> String {
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    shown.join("\n")
}

/// A mistake at a byte offset, before the source is available to show its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub at: u32,
    pub message: String,
    /// Whether the circuit may be valid, but is too large.
    pub is_limit: bool,
}

impl Diagnostic {
    pub(crate) fn new(at: u32, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            is_limit: false,
        }
    }

    /// A counted limit that a circuit exceeds.
    pub(crate) fn limit(at: u32, message: impl Into<String>) -> Self {
        Self {
            is_limit: true,
            ..Self::new(at, message)
        }
    }

    /// Finds the line and column of this diagnostic in its source.
    pub(crate) fn locate(&self, source: &str) -> CircuitError {
        let mut at = (self.at as usize).min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        let (before, after) = source.split_at(at);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line_end = after.find(['\n', '\r']).map_or(source.len(), |i| at + i);
        let text = source.get(line_start..line_end).unwrap_or_default();
        let offset = before.get(line_start..).unwrap_or_default().chars().count();
        let skipped = offset.saturating_sub(MAX_EXCERPT_CHARS / 2);
        let excerpt: String = text
            .chars()
            .skip(skipped)
            .take(MAX_EXCERPT_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        CircuitError {
            line: before.matches('\n').count() + 1,
            column: offset + 1,
            message: shorten(&self.message, MAX_MESSAGE_CHARS),
            excerpt: excerpt.trim_end().to_owned(),
            caret: offset - skipped,
        }
    }
}

/// Cuts text from a client to a length fit for a message.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// `1 qubit`, `2 qubits`.
pub(crate) fn counted(number: impl std::fmt::Display, noun: &str) -> String {
    let number = number.to_string();
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A client's name in backquotes, cut when it is long.
pub(crate) fn quoted(name: &str) -> String {
    let shown = shorten(name, 40);
    // Text from a client may contain control sequences of a terminal.
    format!("`{}`", shown.replace(char::is_control, "\u{fffd}"))
}
