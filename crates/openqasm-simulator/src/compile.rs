//! Compiles source text to a checked [`Program`].

use crate::error::{Diagnostic, SimulatorError};
use crate::ir::program::Program;
use crate::limits::MAX_SOURCE_BYTES;
use crate::request::Request;
use crate::resources::stop::{Stop, Stopped};
use crate::sema::Checker;
use crate::syntax::ast::StatementKind;
use crate::syntax::parser::Parser;
use serde_json::{Map, Value};

/// Why source text does not compile.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The text is longer than the request's limit.
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

/// Compiles the circuit of a request. Without `inputs` its `input` declarations stand for any value.
pub(crate) fn compile(
    request: &Request<'_>,
    inputs: Option<&Map<String, Value>>,
    stop: &Stop,
) -> Result<Program, SimulatorError> {
    read(request, inputs, stop).map_err(|refusal| refusal.into_error(request.source))
}

/// Like `compile`, but returns the mistakes without their source lines.
pub(crate) fn read(
    request: &Request<'_>,
    inputs: Option<&Map<String, Value>>,
    stop: &Stop,
) -> Result<Program, Refusal> {
    let (source, limit) = (
        request.source,
        request.max_source_bytes.min(MAX_SOURCE_BYTES),
    );
    if source.len() > limit {
        return Err(Refusal::TooLong(format!(
            "the circuit has {} bytes of text; the limit is {limit}",
            source.len()
        )));
    }
    let mut parser = Parser::new(source, stop);
    let mut sema = Checker::begin(parser.version(), inputs, stop);
    while let Some(statement) = parser.next_statement() {
        if !matches!(statement.kind, StatementKind::Nothing) {
            sema.statement(&statement);
        }
    }
    let parsed = parser.finish().map_err(Refusal::Stopped)?;
    let mut errors = parsed.map_err(Refusal::Wrong)?;
    // The sizes of omitted declarations are not known.
    if errors.iter().any(|error| error.is_limit) {
        return Err(Refusal::Wrong(errors));
    }
    let checked = sema.end_program().map_err(Refusal::Stopped)?;
    if errors.is_empty() {
        return checked.map_err(Refusal::Wrong);
    }
    let mistakes = checked.err().unwrap_or_default();
    errors.extend(mistakes.into_iter().filter(|error| !error.is_limit));
    Err(Refusal::Wrong(errors))
}
