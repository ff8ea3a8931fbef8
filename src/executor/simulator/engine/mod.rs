//! The engine: runs a checked program on a statevector.
//!
//! Measurements are decided as late as possible. One whose outcome nothing looks at stays open
//! until the program ends and is then sampled for all shots at once. One whose outcome is needed
//! splits the shots into two branches, so that a program costs one run for each history of
//! outcomes that happens, not one for each shot.

mod blocked;
mod branch;
mod evaluate;
mod expand;
mod fusion;
mod kernels;
mod loops;
mod machine;
mod quantum;
mod state;
#[cfg(test)]
mod tests;
mod two_qubit;

use super::error::{Diagnostic, SimulatorError};
use super::program::Program;
use super::sampling::Tally;
use super::stop::{Stop, Stopped};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Why a run ended early.
#[derive(Debug)]
enum RunError {
    Wrong(Diagnostic),
    Resource(String),
    Stopped(Stopped),
}

impl From<Stopped> for RunError {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl RunError {
    fn wrong(at: u32, message: impl Into<String>) -> Self {
        Self::Wrong(Diagnostic::new(at, message))
    }
}

type Running<T> = Result<T, RunError>;

/// What a run works with.
struct Context<'p> {
    program: &'p Program,
    stop: &'p Stop,
    memory_limit: u64,
}

/// Runs a program and counts its outcomes.
pub(super) fn execute(
    program: &Program,
    source: &str,
    shots: u32,
    memory_limit: u64,
    rng: Xoshiro256PlusPlus,
    tally: &mut Tally,
    stop: &Stop,
) -> Result<(), SimulatorError> {
    let context = Context {
        program,
        stop,
        memory_limit,
    };
    branch::run(&context, shots, rng, tally).map_err(|error| match error {
        RunError::Wrong(diagnostic) => SimulatorError::Circuit(vec![diagnostic.locate(source)]),
        RunError::Resource(message) => SimulatorError::ResourceLimit { message },
        RunError::Stopped(stopped) => stopped.into(),
    })
}
