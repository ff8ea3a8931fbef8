//! A circuit to check instead of running it.

use serde_json::{Map, Value};

use openqasm_simulator::survey::survey;
use openqasm_simulator::{MAX_SOURCE_BYTES, Request, Stop, Stopped};

use super::circuit_report::CircuitVerdict;
use crate::domain::circuit_options::CircuitOptions;
use crate::domain::task::Work;

/// What is to be checked, as the simulator would run it.
#[derive(Debug, Clone, Default)]
pub struct CircuitCheck {
    source: String,
    options: CircuitOptions,
    memory_limit_bytes: u64,
}

impl CircuitCheck {
    /// OpenQASM 2 or 3 by itself, whose state may take so many bytes. Without `inputs`, its inputs may have all values.
    pub fn new(
        source: String,
        inputs: Option<Map<String, Value>>,
        memory_limit_bytes: u64,
    ) -> Self {
        let options = CircuitOptions {
            inputs,
            ..CircuitOptions::default()
        };
        Self {
            source,
            options,
            memory_limit_bytes,
        }
    }

    /// The circuit of a task, with all that the task asks for; none for other work.
    pub fn of_task(work: Work, memory_limit_bytes: u64) -> Option<Self> {
        let Work::Circuit {
            source,
            mut options,
        } = work
        else {
            return None;
        };
        // A task has exactly the inputs that it names.
        options.inputs.get_or_insert_default();
        Some(Self {
            source,
            options,
            memory_limit_bytes,
        })
    }

    /// Checks it; blocks for seconds at most.
    pub fn run(&self, stop: &Stop) -> Result<CircuitVerdict, Stopped> {
        let request = Request {
            source: &self.source,
            max_source_bytes: MAX_SOURCE_BYTES,
            shots: self.options.shots,
            parameters: self.options.inputs.as_ref(),
            memory: self.options.memory.unwrap_or(false),
            memory_limit_bytes: self.memory_limit_bytes,
            statevector: self.options.statevector.unwrap_or(false),
            ..Request::default()
        };
        survey(&request, stop).map(Into::into)
    }
}
