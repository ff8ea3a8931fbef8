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
mod outputs;
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
pub use resources::memory_pool::{MemoryPool, Reservation};
pub use resources::meter::{Done, Meter};
pub use resources::stop::{Stop, Stopped};
pub use resources::thread_budget::ThreadBudget;
pub use sampling::ShotMemory;

use exec::{MAX_LISTED_QUBITS, Method, Plan, Wanted};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One run of a circuit.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// OpenQASM 2 or 3.
    pub source: &'a str,
    /// Longest text that is read, in bytes; 8 MiB by default, at most [`MAX_SOURCE_BYTES`].
    pub max_source_bytes: usize,
    /// How often the circuit is run.
    pub shots: u32,
    /// Makes the run repeatable; drawn and reported where it is not given.
    pub seed: Option<u64>,
    /// Values for the `input` declarations of the circuit, by name.
    pub parameters: Option<&'a Map<String, Value>>,
    /// Whether the outcome of every shot is wanted as well.
    pub memory: bool,
    /// Bytes that states and results may use, each.
    pub memory_limit_bytes: u64,
    /// Whether the exact probabilities of the outcomes are wanted as well.
    pub probabilities: bool,
    /// Whether the amplitudes before the final measurements are wanted as well.
    pub statevector: bool,
    /// The threads that work on the state, shared with other runs; without them there is one.
    /// Counts do not depend on it.
    pub threads: Option<&'a Arc<ThreadBudget>>,
    /// Memory for states that is shared with other runs: this one waits until there is enough.
    pub shared: Option<&'a MemoryPool>,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            source: "",
            max_source_bytes: limits::DEFAULT_SOURCE_BYTES,
            shots: 0,
            seed: None,
            parameters: None,
            memory: false,
            memory_limit_bytes: 0,
            probabilities: false,
            statevector: false,
            threads: None,
            shared: None,
        }
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// How often each outcome came. Zero-padded, classical bit 0 rightmost, registers
    /// last-declared first and separated by a space, as Qiskit writes them.
    pub counts: BTreeMap<String, u64>,
    /// The outcome of each shot, where the request asks for it.
    pub memory: Option<ShotMemory>,
    /// The exact probability of each outcome, where the request asks for it and it exists.
    pub probabilities: Option<BTreeMap<String, f64>>,
    /// Real and imaginary part of each basis state's amplitude before the final measurements, but
    /// for a global phase, where the request asks for it and it exists. Bit `k` of an index is the
    /// value of the qubit declared as number `k`.
    pub statevector: Option<Vec<[f64; 2]>>,
    /// Why something that the request asks for is missing.
    pub notes: Vec<String>,
    /// Qubits that the circuit declares.
    pub qubits: usize,
    /// Classical registers in the order of their declaration.
    pub registers: Vec<Register>,
    /// How the bits of an outcome are ordered, for people: `c[n-1]..c[0]`.
    pub bit_order: String,
    /// The seed that repeats this run.
    pub seed: u64,
    /// How the circuit was simulated.
    pub method: &'static str,
}

/// A classical register of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Its name in the circuit; `meas` for measurements without a target.
    pub name: String,
    /// Number of bits.
    pub size: u32,
}

/// Checks a circuit of at most 8 MiB without running it. Its inputs may have any values.
pub fn check(source: &str) -> Result<Program, SimulatorError> {
    let request = Request {
        source,
        ..Request::default()
    };
    compile::compile(&request, None, &Stop::default())
}

/// Runs a circuit. Blocks until it is done or stopped; does not touch files or the network.
pub fn run(request: &Request<'_>, stop: &Stop) -> Result<Output, SimulatorError> {
    let none = Map::new();
    let inputs = request.parameters.unwrap_or(&none);
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
    let limit = request.memory_limit_bytes;
    let reserved = match request.shared {
        Some(pool) => Some(pool.reserve(exec::bytes_to_reserve(&program, method, limit), stop)?),
        None => None,
    };
    let threads = request.threads.cloned();
    let threads = threads.unwrap_or_else(|| Arc::new(ThreadBudget::new(1)));
    let place = threads.join();
    let plan = Plan {
        method,
        wanted,
        shots: request.shots,
        threads: threads.clone(),
        memory_limit: reserved.as_ref().map_or(limit, Reservation::bytes),
        stop,
    };
    let rng = sampling::generator(seed);
    let exact = exec::execute(&program, request.source, &plan, rng, &mut tally)?;
    drop((reserved, place));
    let counts = tally.counts(&program.registers, stop)?;
    // Another stream than that of the run: counts do not depend on whether shots are dealt out.
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

/// Whether the amplitudes are wanted and few enough to be listed. Only a statevector has them.
fn lists_amplitudes(request: &Request<'_>, program: &Program) -> bool {
    request.statevector && program.qubits <= MAX_LISTED_QUBITS
}

fn registers(program: &Program) -> Vec<Register> {
    let described = program.registers.iter().map(|register| Register {
        name: register.name.clone(),
        size: register.len,
    });
    described.collect()
}

fn bit_order(program: &Program) -> String {
    let shown = program
        .registers
        .iter()
        .rev()
        .map(|register| match register.len {
            1 => format!("{}[0]", register.name),
            _ => format!("{0}[n-1]..{0}[0]", register.name),
        });
    shown.collect::<Vec<_>>().join(" ")
}
