//! The front-end: source text to a checked [`Program`].

mod ast;
mod check;
mod hint;
mod lexer;
mod library;
mod parser;
mod token;

use super::error::{Diagnostic, SimulatorError};
use super::limits::MAX_SOURCE_BYTES;
use super::program::Program;
use super::stop::{Stop, Stopped};
pub(super) use library::library;
use serde_json::{Map, Value};

/// Why a source is no program.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Its text is longer than is read.
    TooLong(String),
    /// Never empty.
    Wrong(Vec<Diagnostic>),
    Stopped(Stopped),
}

impl Refusal {
    fn into_error(self, source: &str) -> SimulatorError {
        match self {
            Self::TooLong(message) => SimulatorError::ResourceLimit { message },
            Self::Wrong(errors) => SimulatorError::located(source, errors),
            Self::Stopped(stopped) => stopped.into(),
        }
    }
}

/// Reads and checks a circuit. Without `inputs` its `input` declarations stand for any value.
pub(super) fn compile(
    source: &str,
    inputs: Option<&Map<String, Value>>,
    stop: &Stop,
) -> Result<Program, SimulatorError> {
    read(source, inputs, stop).map_err(|refusal| refusal.into_error(source))
}

/// The same, with what is wrong as it was found.
pub(super) fn read(
    source: &str,
    inputs: Option<&Map<String, Value>>,
    stop: &Stop,
) -> Result<Program, Refusal> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(Refusal::TooLong(format!(
            "the circuit has {} bytes of text; the limit is {MAX_SOURCE_BYTES}",
            source.len()
        )));
    }
    let tokens = lexer::tokens(source).map_err(Refusal::Wrong)?;
    let (tree, mut errors) = parser::parse(source, &tokens, stop).map_err(Refusal::Stopped)?;
    // The sizes of what is left out are not known.
    if errors.iter().any(|error| error.is_limit) {
        return Err(Refusal::Wrong(errors));
    }
    let checked = check::program(&tree, inputs, stop).map_err(Refusal::Stopped)?;
    if errors.is_empty() {
        return checked.map_err(Refusal::Wrong);
    }
    let mistakes = checked.err().unwrap_or_default();
    errors.extend(mistakes.into_iter().filter(|error| !error.is_limit));
    Err(Refusal::Wrong(errors))
}
