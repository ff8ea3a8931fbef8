//! The engine: runs a checked program on a statevector, or on a stabilizer tableau.
//!
//! Measurements are decided as late as possible. One whose outcome nothing looks at stays open
//! until the program ends and is then sampled for all shots at once. One whose outcome is needed
//! splits the shots into two branches, so that a program costs one run for each history of
//! outcomes that happens, not one for each shot.

mod block;
mod blocked;
mod branch;
mod calls;
mod clifford;
mod dense;
mod diagonal;
mod evaluate;
mod exact;
mod expand;
mod fusion;
mod kernels;
mod lanes;
mod loops;
mod machine;
mod method;
mod parts;
mod pass;
mod pending;
mod quantum;
mod room;
mod share;
mod state;
mod support;
mod tableau;
#[cfg(test)]
mod tests;
mod two_qubit;
mod walk;

pub(super) use exact::{Exact, MAX_LISTED_QUBITS, MAX_OUTCOMES, Wanted};
pub(super) use method::Method;
pub(super) use room::{Need, room, used_qubits};
pub(super) use walk::{Found, NotWalked, walk};

use super::crew::Crew;
use super::error::{Diagnostic, SimulatorError};
use super::program::Program;
use super::sampling::Tally;
use super::stop::{Stop, Stopped};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::Arc;

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

    fn limit(at: u32, message: impl Into<String>) -> Self {
        Self::Wrong(Diagnostic::limit(at, message))
    }
}

type Running<T> = Result<T, RunError>;

/// What a run works with.
struct Context<'p> {
    program: &'p Program,
    stop: &'p Stop,
    memory_limit: u64,
    method: Method,
    wanted: Wanted,
    crew: Arc<Crew>,
    /// Whether measurements may be put off to the end.
    is_deferring: bool,
}

/// What bounds a run, and how it is done.
pub(super) struct Plan<'a> {
    pub method: Method,
    pub shots: u32,
    pub memory_limit: u64,
    pub wanted: Wanted,
    /// Who works on the state.
    pub crew: Arc<Crew>,
    pub stop: &'a Stop,
}

/// Runs a program and counts its outcomes.
pub(super) fn execute(
    program: &Program,
    source: &str,
    plan: &Plan<'_>,
    rng: Xoshiro256PlusPlus,
    tally: &mut Tally,
) -> Result<Exact, SimulatorError> {
    let mut context = Context {
        program,
        stop: plan.stop,
        memory_limit: plan.memory_limit,
        method: plan.method,
        wanted: plan.wanted,
        crew: plan.crew.clone(),
        is_deferring: plan.method == Method::Stabilizer
            && quantum::pays_to_defer(program, plan.shots),
    };
    let mut found = branch::run(&context, plan.shots, rng.clone(), tally);
    if let Ok(None) = found {
        context.is_deferring = false;
        tally.clear();
        plan.stop.meter().begin_anew();
        found = branch::run(&context, plan.shots, rng, tally);
    }
    let found = found.map(Option::unwrap_or_default);
    found.map_err(|error| match error {
        RunError::Wrong(diagnostic) => SimulatorError::located(source, vec![diagnostic]),
        RunError::Resource(message) => SimulatorError::ResourceLimit { message },
        RunError::Stopped(stopped) => stopped.into(),
    })
}
