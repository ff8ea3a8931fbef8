//! One run of a circuit, from its text to its results.

use crate::compile::{self, OpenProgram};
use crate::error::SimulatorError;
use crate::exec::{self, FEW_QUBITS, Method, Plan, Wanted};
use crate::ir::program::Program;
use crate::ir::value::Value;
use crate::limits::{COPIES_OF_TEXT, SHORT_TEXT_BYTES};
use crate::observables::ObservablePlan;
use crate::output::Output;
use crate::outputs::{self, bit_order, lists_amplitudes, registers};
use crate::request::Request;
use crate::resources::memory_pool::Reservation;
use crate::resources::stop::Stop;
use crate::resources::thread_budget::ThreadBudget;
use crate::sampling::{self, ShotMemory};
use serde_json::Map;
use std::ops::Deref;
use std::sync::Arc;

/// Waits until no other circuit runs, if the text is long and memory is shared. Returns all of that memory: how much the program and
/// its states need is known only afterwards, and a text that held its own part while it waits for more could wait for others
/// that wait for it.
fn reserve_for_text<'a>(
    request: &Request<'a>,
    stop: &Stop,
) -> Result<Option<Reservation<'a>>, SimulatorError> {
    let is_long = request.source.len() > SHORT_TEXT_BYTES;
    match request.shared.filter(|_| is_long) {
        Some(pool) => Ok(Some(pool.reserve(pool.capacity(), stop)?)),
        None => Ok(None),
    }
}

/// The reservation of states that need `need` bytes, beside those of a long text and its program.
fn reserve_for_states<'a>(
    whole: Option<Reservation<'a>>,
    text_bytes: u64,
    need: u64,
    request: &Request<'a>,
    stop: &Stop,
) -> Result<Option<Reservation<'a>>, SimulatorError> {
    match (whole, request.shared) {
        (Some(mut whole), _) => {
            whole.shrink_to(text_bytes.saturating_add(need));
            Ok(Some(whole))
        }
        (None, Some(pool)) => Ok(Some(pool.reserve(need, stop)?)),
        (None, None) => Ok(None),
    }
}

/// The program of one run, or that of all points of a sweep.
enum RunProgram<'a> {
    Own(Box<Program>),
    Shared(&'a Program),
}

impl RunProgram<'_> {
    /// Frees what only the run needs.
    fn free_steps(&mut self) {
        if let Self::Own(program) = self {
            program.steps = Vec::new();
        }
    }
}

impl Deref for RunProgram<'_> {
    type Target = Program;

    fn deref(&self) -> &Program {
        match self {
            Self::Own(program) => program,
            Self::Shared(program) => program,
        }
    }
}

/// A circuit for many runs with different values of its inputs.
pub(crate) struct SharedCircuit(Option<OpenProgram>);

impl SharedCircuit {
    /// Compiles the circuit once for all runs if its inputs only set angles of gates on few qubits: the choice of the
    /// method depends on the values where there are more.
    pub(crate) fn new(request: &Request<'_>, stop: &Stop) -> Self {
        if request.source.len() > SHORT_TEXT_BYTES {
            return Self(None);
        }
        let open = OpenProgram::new(request, stop);
        Self(open.filter(|open| exec::used_qubits(open.program(), FEW_QUBITS) <= FEW_QUBITS))
    }

    /// Runs the circuit of the request, which has the same text.
    pub(crate) fn run(&self, request: &Request<'_>, stop: &Stop) -> Result<Output, SimulatorError> {
        let values = request.parameters;
        let bound = values.and_then(|values| self.0.as_ref()?.bind(values));
        match bound {
            Some((program, bindings)) => {
                let text = reserve_for_text(request, stop)?;
                execute(RunProgram::Shared(program), &bindings, request, text, stop)
            }
            None => run(request, stop),
        }
    }
}

/// Runs a circuit. Blocks until it is done or stopped; does not touch files or the network.
pub fn run(request: &Request<'_>, stop: &Stop) -> Result<Output, SimulatorError> {
    let none = Map::new();
    let inputs = request.parameters.unwrap_or(&none);
    let text = reserve_for_text(request, stop)?;
    let program = compile::compile(request, Some(inputs), stop)?;
    let program = RunProgram::Own(Box::new(program));
    execute(program, &[], request, text, stop)
}

/// Runs a program that is compiled already; `bindings` are the values of its variables at the start.
fn execute(
    mut program: RunProgram<'_>,
    bindings: &[(usize, Value)],
    request: &Request<'_>,
    text: Option<Reservation<'_>>,
    stop: &Stop,
) -> Result<Output, SimulatorError> {
    if request.memory {
        outputs::check_shot_memory(&program, request)?;
    }
    let observables = ObservablePlan::new(request.observables, &program)?;
    let seed = request.seed.unwrap_or_else(sampling::random_seed);
    let mut tally = sampling::Tally::new(&program, request.memory_limit_bytes);
    let wanted = Wanted {
        probabilities: request.probabilities,
        statevector: lists_amplitudes(request, &program),
    };
    // A tableau has no amplitudes.
    let method = if wanted.statevector {
        Method::Statevector
    } else {
        Method::of(&program, stop)?
    };
    let text_bytes = text.as_ref().map_or(0, |_| {
        let texts = (request.source.len() as u64).saturating_mul(COPIES_OF_TEXT);
        program.bytes.saturating_add(texts)
    });
    let limit = request.memory_limit_bytes.saturating_sub(text_bytes);
    let need = exec::bytes_to_reserve(&program, method, limit);
    let reserved = reserve_for_states(text, text_bytes, need, request, stop)?;
    let for_states = |all: &Reservation<'_>| all.bytes().saturating_sub(text_bytes);
    let threads = request.threads.cloned();
    let threads = threads.unwrap_or_else(|| Arc::new(ThreadBudget::new(1)));
    let place = threads.join();
    let plan = Plan {
        method,
        wanted,
        bindings,
        strings: &observables.strings,
        shots: request.shots,
        threads: threads.clone(),
        memory_limit: reserved.as_ref().map_or(limit, for_states),
        stop,
    };
    let rng = sampling::generator(seed);
    let exact = exec::execute(&program, request.source, &plan, rng, &mut tally);
    // Their memory is free before others may have it.
    program.free_steps();
    drop((reserved, place));
    let exact = exact?;
    let counts = tally.counts(&program.registers, stop)?;
    // A random stream separate from that of the run: the counts do not depend on whether `memory` is requested.
    let mut dealer = sampling::generator(!seed);
    let memory = if request.memory {
        Some(ShotMemory::new(&counts, &mut dealer, stop)?)
    } else {
        None
    };
    let probabilities = exact
        .probabilities
        .and_then(|outcomes| outputs::by_text(&program, outcomes));
    let found = [probabilities.is_some(), exact.statevector.is_some()];
    let notes = outputs::missing(request, &program, found);
    Ok(Output {
        memory,
        probabilities,
        statevector: exact.statevector,
        expectations: observables.expectations(&exact.means, request.shots),
        notes,
        counts,
        qubits: program.qubits as usize,
        bit_order: bit_order(&program),
        registers: registers(&program),
        seed,
        method: plan.method.name(),
    })
}
