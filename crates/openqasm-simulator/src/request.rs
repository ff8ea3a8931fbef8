//! What a run is asked for.

use crate::limits;
use crate::resources::memory_pool::MemoryPool;
use crate::resources::thread_budget::ThreadBudget;
use serde_json::{Map, Value};
use std::sync::Arc;

/// One run of a circuit.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// OpenQASM 2 or 3.
    pub source: &'a str,
    /// Longest text that is read, in bytes; 8 MiB by default, at most [`MAX_SOURCE_BYTES`](crate::MAX_SOURCE_BYTES).
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
