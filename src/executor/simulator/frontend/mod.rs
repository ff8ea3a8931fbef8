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
use super::stop::Stop;
pub(super) use library::library;
use parser::ParseFailure;
use serde_json::{Map, Value};

/// Reads and checks a circuit. Without `inputs` its `input` declarations stand for any value.
pub(super) fn compile(
    source: &str,
    inputs: Option<&Map<String, Value>>,
    stop: &Stop,
) -> Result<Program, SimulatorError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(SimulatorError::ResourceLimit {
            message: format!(
                "the circuit has {} bytes of text; the limit is {MAX_SOURCE_BYTES}",
                source.len()
            ),
        });
    }
    let wrong = |errors: Vec<Diagnostic>| SimulatorError::located(source, errors);
    let tokens = lexer::tokens(source).map_err(wrong)?;
    let tree = parser::parse(source, &tokens, stop).map_err(|failure| match failure {
        ParseFailure::Wrong(errors) => SimulatorError::located(source, errors),
        ParseFailure::Stopped(stopped) => stopped.into(),
    })?;
    check::program(&tree, inputs, stop)?.map_err(wrong)
}
