//! The front-end: source text to a checked [`Program`].

mod ast;
mod check;
mod lexer;
mod library;
mod parser;
mod token;

use super::error::{Diagnostic, SimulatorError};
use super::limits::{MAX_ERRORS, MAX_SOURCE_BYTES};
use super::program::Program;
use super::stop::Stop;
pub(super) use library::library;
use parser::ParseFailure;

/// Reads and checks a circuit.
pub(super) fn compile(source: &str, stop: &Stop) -> Result<Program, SimulatorError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(SimulatorError::ResourceLimit {
            message: format!(
                "the circuit has {} bytes of text; the limit is {MAX_SOURCE_BYTES}",
                source.len()
            ),
        });
    }
    let wrong = |errors: Vec<Diagnostic>| located(source, errors);
    let tokens = lexer::tokens(source).map_err(wrong)?;
    let tree = parser::parse(source, &tokens, stop).map_err(|failure| match failure {
        ParseFailure::Wrong(errors) => located(source, errors),
        ParseFailure::Stopped(stopped) => stopped.into(),
    })?;
    check::program(&tree, stop)?.map_err(wrong)
}

fn located(source: &str, mut errors: Vec<Diagnostic>) -> SimulatorError {
    errors.sort_by_key(|error| error.at);
    errors.truncate(MAX_ERRORS);
    SimulatorError::Circuit(errors.iter().map(|error| error.locate(source)).collect())
}
