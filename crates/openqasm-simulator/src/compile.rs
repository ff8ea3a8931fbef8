//! Compiles source text to a checked [`Program`].

use crate::error::{Diagnostic, SimulatorError};
use crate::ir;
use crate::ir::program::{Action, Program};
use crate::limits::{MAX_SOURCE_BYTES, SHORT_STATEMENT_TOKENS, TREE_BYTES_PER_TOKEN};
use crate::request::Request;
use crate::resources::stop::{Stop, Stopped};
use crate::sema::Checker;
use crate::sema::input::bind_inputs;
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

/// A program that is compiled once and run for many values of its inputs.
pub(crate) struct OpenProgram(Program);

impl OpenProgram {
    /// Compiles the circuit without values. `None` if a value could change more than the angles of gates.
    pub(crate) fn new(request: &Request<'_>, stop: &Stop) -> Option<Self> {
        let program = compile(request, None, stop).ok()?;
        let is_straight = program.steps.iter().all(|step| {
            !matches!(
                step.action,
                Action::Jump(_)
                    | Action::Unless { .. }
                    | Action::LoopStart(_)
                    | Action::LoopNext(_)
            )
        });
        let are_real = program.inputs.iter().all(|input| input.real.is_some());
        (is_straight && are_real).then_some(Self(program))
    }

    /// The program with the values of its inputs; `None` if a value is wrong or missing.
    pub(crate) fn bind(
        &self,
        values: &Map<String, Value>,
    ) -> Option<(&Program, Vec<(usize, ir::value::Value)>)> {
        Some((&self.0, bind_inputs(&self.0, values)?))
    }

    /// The program without values.
    pub(crate) fn program(&self) -> &Program {
        &self.0
    }
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
    // A statement has a semicolon, unless it is a block or part of a loop that is unrolled.
    let steps = source.bytes().filter(|byte| *byte == b';').count();
    let memory_limit = request.max_program_bytes;
    let mut sema = Checker::begin(parser.version(), inputs, steps, memory_limit, stop);
    while let Some(statement) = parser.next_within(max_tokens(sema.free_bytes())) {
        if !matches!(statement.kind, StatementKind::Nothing) {
            let tokens = parser.statement_tokens() as u64;
            sema.statement_of(&statement, tokens.saturating_mul(TREE_BYTES_PER_TOKEN));
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

/// The tokens of a statement whose tree fits into that many bytes. Short statements always fit: the program that they add to is counted.
fn max_tokens(bytes: u64) -> usize {
    let fitting = usize::try_from(bytes / TREE_BYTES_PER_TOKEN).unwrap_or(usize::MAX);
    fitting.max(SHORT_STATEMENT_TOKENS)
}
