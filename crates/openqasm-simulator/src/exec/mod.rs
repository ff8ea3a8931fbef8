//! Execution: runs a checked program on a statevector, or on a stabilizer tableau.
//!
//! Measurements are decided as late as possible. A measurement whose outcome is not read stays open until the program
//! ends and is then sampled for all shots at once. A measurement whose outcome is needed splits the shots into two
//! branches, so that a program costs one run for each history of outcomes that occurs, not one for each shot.

mod branch;
mod branch_means;
mod calls;
pub(crate) mod context;
pub(crate) mod evaluate;
pub(crate) mod exact;
pub(crate) mod expand;
mod gate_calls;
pub(crate) mod loops;
mod machine;
mod memory_need;
pub(crate) mod method;
mod quantum;

pub(crate) use context::Wanted;
pub(crate) use exact::{Exact, MAX_LISTED_QUBITS, MAX_OUTCOMES};
pub(crate) use gate_calls::used_qubits;
pub(crate) use memory_need::{MemoryNeed, bytes_to_reserve};
pub(crate) use method::{FEW_QUBITS, Method};

use crate::error::SimulatorError;
use crate::ir::pauli::PauliString;
use crate::ir::program::Program;
use crate::ir::value::Value;
use crate::resources::stop::Stop;
use crate::resources::thread_budget::ThreadBudget;
use crate::run_error::RunError;
use crate::sampling::Tally;
use context::Context;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::Arc;

/// The limits and the configuration of a run.
pub(crate) struct Plan<'a> {
    pub method: Method,
    pub shots: u32,
    pub memory_limit: u64,
    pub wanted: Wanted,
    /// Values of variables at the start.
    pub bindings: &'a [(usize, Value)],
    /// Pauli strings whose means are requested, all different.
    pub strings: &'a [PauliString],
    /// The threads that work on the state.
    pub threads: Arc<ThreadBudget>,
    pub stop: &'a Stop,
}

/// Runs a program and counts its outcomes.
pub(crate) fn execute(
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
        bindings: plan.bindings,
        strings: plan.strings,
        threads: plan.threads.clone(),
        is_deferring: plan.method == Method::Stabilizer
            && quantum::pays_to_defer(program, plan.shots, plan.strings),
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
