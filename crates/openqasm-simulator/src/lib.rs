//! Runs OpenQASM 2 and 3 programs: from text to counts, exactly, within limits of time and memory.
//!
//! [`run`] runs a program, [`check`] checks its text, [`survey`](mod@survey) reports what a run would take. A [`Stop`] ends each of
//! them early. Nothing touches files or the network.
//!
//! ```
//! use openqasm_simulator::{Request, Stop, run};
//!
//! let request = Request {
//!     source: "OPENQASM 3; qubit[2] q; h q[0]; cx q[0], q[1]; bit[2] c = measure q;",
//!     shots: 1000,
//!     seed: Some(7),
//!     memory_limit_bytes: 1 << 20,
//!     ..Request::default()
//! };
//! let output = run(&request, &Stop::default())?;
//! assert_eq!(output.counts.values().sum::<u64>(), 1000);
//! assert!(output.counts.keys().all(|outcome| outcome == "00" || outcome == "11"));
//! # Ok::<(), openqasm_simulator::SimulatorError>(())
//! ```
//!
//! From top to bottom: `compile` turns text into a program (`syntax`, `sema`, `ir`), `survey` reports what `analysis` finds in it, `exec`
//! runs it on a `statevector` or a `stabilizer` tableau within `resources`, `sampling` draws and counts outcomes.

mod analysis;
mod compile;
mod error;
mod exec;
mod ir;
mod limits;
mod output;
mod outputs;
mod request;
mod resources;
mod run_error;
mod sampling;
mod sema;
mod stabilizer;
mod statevector;
pub mod survey;
mod syntax;
#[cfg(test)]
mod tests;

pub use error::{CircuitError, SimulatorError};
pub use ir::program::Program;
pub use limits::MAX_SOURCE_BYTES;
use limits::{PROGRAM_BYTES_PER_TEXT_BYTE, SHORT_TEXT_BYTES};
pub use output::{Output, Register};
pub use request::Request;
pub use resources::memory_pool::{MemoryPool, Reservation};
pub use resources::meter::{Done, Meter};
pub use resources::stop::{Stop, Stopped};
pub use resources::thread_budget::ThreadBudget;
pub use sampling::ShotMemory;

use exec::{Method, Plan, Wanted};
use outputs::{bit_order, lists_amplitudes, registers};
use serde_json::Map;
use std::sync::Arc;

/// Checks a circuit of at most 8 MiB without running it. Its inputs may have any values.
pub fn check(source: &str) -> Result<Program, SimulatorError> {
    let request = Request {
        source,
        ..Request::default()
    };
    compile::compile(&request, None, &Stop::default())
}

/// The memory of a long text's program, beside that of its states.
struct TextMemory<'a> {
    bytes: u64,
    /// All of the shared memory, as long as it is not known how much the states need: a text that held its own part while it
    /// waits for more could wait for others that wait for it.
    whole: Option<Reservation<'a>>,
}

impl<'a> TextMemory<'a> {
    /// Waits until no other circuit runs, if the text is long and memory is shared.
    fn reserve(request: &Request<'a>, stop: &Stop) -> Result<Self, SimulatorError> {
        let Some(pool) = request
            .shared
            .filter(|_| request.source.len() > SHORT_TEXT_BYTES)
        else {
            return Ok(Self {
                bytes: 0,
                whole: None,
            });
        };
        let estimated = (request.source.len() as u64).saturating_mul(PROGRAM_BYTES_PER_TEXT_BYTE);
        Ok(Self {
            bytes: estimated.min(request.memory_limit_bytes / 2),
            whole: Some(pool.reserve(pool.capacity(), stop)?),
        })
    }

    /// The reservation of the text and of states that need this much.
    fn with_states(
        self,
        need: u64,
        shared: Option<&'a MemoryPool>,
        stop: &Stop,
    ) -> Result<Option<Reservation<'a>>, SimulatorError> {
        match (self.whole, shared) {
            (Some(mut whole), _) => {
                whole.shrink_to(self.bytes + need);
                Ok(Some(whole))
            }
            (None, Some(pool)) => Ok(Some(pool.reserve(need, stop)?)),
            (None, None) => Ok(None),
        }
    }
}

/// Runs a circuit. Blocks until it is done or stopped; does not touch files or the network.
pub fn run(request: &Request<'_>, stop: &Stop) -> Result<Output, SimulatorError> {
    let none = Map::new();
    let inputs = request.parameters.unwrap_or(&none);
    let text = TextMemory::reserve(request, stop)?;
    let program = compile::compile(request, Some(inputs), stop)?;
    if request.memory {
        outputs::check_shot_memory(&program, request)?;
    }
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
    let text_bytes = text.bytes;
    let limit = request.memory_limit_bytes.saturating_sub(text_bytes);
    let need = exec::bytes_to_reserve(&program, method, limit);
    let reserved = text.with_states(need, request.shared, stop)?;
    let for_states = |all: &Reservation<'_>| all.bytes().saturating_sub(text_bytes);
    let threads = request.threads.cloned();
    let threads = threads.unwrap_or_else(|| Arc::new(ThreadBudget::new(1)));
    let place = threads.join();
    let plan = Plan {
        method,
        wanted,
        shots: request.shots,
        threads: threads.clone(),
        memory_limit: reserved.as_ref().map_or(limit, for_states),
        stop,
    };
    let rng = sampling::generator(seed);
    let exact = exec::execute(&program, request.source, &plan, rng, &mut tally)?;
    drop((reserved, place));
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
        notes,
        counts,
        qubits: program.qubits as usize,
        bit_order: bit_order(&program),
        registers: registers(&program),
        seed,
        method: plan.method.name(),
    })
}
