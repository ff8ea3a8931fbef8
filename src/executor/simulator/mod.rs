//! The built-in simulator: OpenQASM 2 and 3 to counts, exactly, bounded in time and memory.
//!
//! Three parts that know little of each other: `frontend` turns text into a checked program,
//! `engine` runs a program on a statevector, `sampling` draws and counts outcomes.
//! What runs, and what is decided how, is told in `docs/circuits.md`.

mod arithmetic;
mod complex;
mod engine;
mod error;
mod frontend;
mod gates;
mod limits;
mod program;
mod sampling;
mod stop;
#[cfg(test)]
mod tests;
mod value;

pub use error::{CircuitError, SimulatorError};
pub use program::Program;
pub use sampling::ShotMemory;
pub use stop::{Stop, Stopped};

use limits::MAX_RESULT_TEXT_BYTES;
use serde::Serialize;
use std::collections::BTreeMap;

/// One run of a circuit.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// OpenQASM 2 or 3.
    pub source: &'a str,
    /// How often the circuit is run.
    pub shots: u32,
    /// Makes the run repeatable; drawn and reported where it is not given.
    pub seed: Option<u64>,
    /// Whether the outcome of every shot is wanted as well.
    pub memory: bool,
    /// Bytes that states and results may use, each.
    pub memory_limit_bytes: u64,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// How often each outcome came. Zero-padded, classical bit 0 rightmost, registers
    /// last-declared first and separated by a space, as Qiskit writes them.
    pub counts: BTreeMap<String, u64>,
    /// The outcome of each shot, where the request asks for it.
    pub memory: Option<ShotMemory>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Register {
    /// Its name in the circuit; `meas` for measurements without a target.
    pub name: String,
    /// Number of bits.
    pub size: u32,
}

/// Checks a circuit without running it.
pub fn check(source: &str) -> Result<Program, SimulatorError> {
    frontend::compile(source, &Stop::default())
}

/// Runs a circuit. Blocks until it is done or stopped; does not touch files or the network.
pub fn run(request: &Request<'_>, stop: &Stop) -> Result<Output, SimulatorError> {
    let program = frontend::compile(request.source, stop)?;
    if request.memory {
        check_shot_memory(&program, request)?;
    }
    let seed = request.seed.unwrap_or_else(sampling::random_seed);
    let mut tally = sampling::Tally::new(&program, request.memory_limit_bytes);
    engine::execute(
        &program,
        request.source,
        request.shots,
        request.memory_limit_bytes,
        sampling::generator(seed),
        &mut tally,
        stop,
    )?;
    let counts = tally.counts(&program.registers, stop)?;
    // Another stream than that of the run: counts do not depend on whether shots are dealt out.
    let mut dealer = sampling::generator(!seed);
    let memory = if request.memory {
        Some(ShotMemory::new(&counts, &mut dealer, stop)?)
    } else {
        None
    };
    Ok(Output {
        memory,
        counts,
        qubits: program.qubits as usize,
        bit_order: bit_order(&program),
        registers: registers(&program),
        seed,
        method: "statevector",
    })
}

/// Refuses, before anything is run, outcomes of all shots that would be too large.
fn check_shot_memory(program: &Program, request: &Request<'_>) -> Result<(), SimulatorError> {
    let shots = u64::from(request.shots);
    let refused = |what, bytes, limit| {
        Err(SimulatorError::ResourceLimit {
            message: format!(
                "the outcomes of {shots} shots need {bytes} bytes of {what}; the limit is {limit} bytes"
            ),
        })
    };
    let text_bytes = shots.saturating_mul(program.outcome_bytes());
    if text_bytes > MAX_RESULT_TEXT_BYTES {
        return refused("text", text_bytes, MAX_RESULT_TEXT_BYTES);
    }
    let memory_bytes = shots * size_of::<u32>() as u64;
    if memory_bytes > request.memory_limit_bytes {
        return refused("memory", memory_bytes, request.memory_limit_bytes);
    }
    Ok(())
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
