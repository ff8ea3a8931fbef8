//! Runs OpenQASM 2 and 3 programs: from text to counts, exactly, within limits of time and memory.
//!
//! [`run`] runs a program, [`check`] checks its text, [`survey`](mod@survey) reports what a run would take, [`sweep`](mod@sweep) runs
//! one for many values of its inputs. A [`Stop`] ends each of
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
mod observables;
mod output;
mod outputs;
mod request;
mod resources;
mod run;
mod run_error;
mod sampling;
mod sema;
mod stabilizer;
mod statevector;
pub mod survey;
pub mod sweep;
mod syntax;
#[cfg(test)]
mod tests;

pub use error::{CircuitError, SimulatorError};
pub use ir::program::Program;
pub use limits::MAX_SOURCE_BYTES;
pub use output::{Expectation, Output, Register};
pub use request::{Observable, PauliTerm, Request};
pub use resources::memory_pool::{MemoryPool, Reservation};
pub use resources::meter::{Done, Meter};
pub use resources::stop::{Stop, Stopped};
pub use resources::thread_budget::ThreadBudget;
pub use run::run;
pub use sampling::ShotMemory;

/// Checks a circuit of at most 8 MiB without running it. Its inputs may have any values.
pub fn check(source: &str) -> Result<Program, SimulatorError> {
    let request = Request {
        source,
        ..Request::default()
    };
    compile::compile(&request, None, &Stop::default())
}
