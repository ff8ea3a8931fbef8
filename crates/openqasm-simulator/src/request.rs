//! The parameters of a run.

use crate::limits;
use crate::resources::memory_pool::MemoryPool;
use crate::resources::thread_budget::ThreadBudget;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A real combination of Pauli strings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observable {
    /// Its terms. Terms with the same string are added up.
    pub terms: Vec<PauliTerm>,
}

/// A Pauli string with its coefficient.
#[derive(Debug, Clone, PartialEq)]
pub struct PauliTerm {
    /// A letter `I`, `X`, `Y` or `Z` for each qubit that the circuit declares; the rightmost is that of the first qubit.
    pub pauli: String,
    /// Its coefficient.
    pub coeff: f64,
}

/// One run of a circuit.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// OpenQASM 2 or 3.
    pub source: &'a str,
    /// Maximum length of the text, in bytes; 8 MiB by default, at most [`MAX_SOURCE_BYTES`](crate::MAX_SOURCE_BYTES).
    pub max_source_bytes: usize,
    /// Maximum memory of the text while and after it is compiled, in bytes; without a limit by default.
    pub max_program_bytes: u64,
    /// Number of shots; without shots, there are only exact results.
    pub shots: u32,
    /// Makes the run repeatable; drawn and reported if it is `None`.
    pub seed: Option<u64>,
    /// Values for the `input` declarations of the circuit, by name.
    pub parameters: Option<&'a Map<String, Value>>,
    /// Whether to report the outcome of every shot.
    pub memory: bool,
    /// Maximum bytes of the states, and of the results.
    pub memory_limit_bytes: u64,
    /// Whether to report the exact probabilities of the outcomes.
    pub probabilities: bool,
    /// Whether to report the amplitudes before the final measurements.
    pub statevector: bool,
    /// Observables whose expectations before the final measurements are reported: exact without shots, sampled with shots.
    pub observables: &'a [Observable],
    /// The threads that work on the state, shared with other runs; `None` is one thread. Counts do not depend on it.
    pub threads: Option<&'a Arc<ThreadBudget>>,
    /// Memory for states, shared with other runs: this run waits until enough is free.
    pub shared: Option<&'a MemoryPool>,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            source: "",
            max_source_bytes: limits::DEFAULT_SOURCE_BYTES,
            max_program_bytes: u64::MAX,
            shots: 0,
            seed: None,
            parameters: None,
            memory: false,
            memory_limit_bytes: 0,
            probabilities: false,
            statevector: false,
            observables: &[],
            threads: None,
            shared: None,
        }
    }
}
