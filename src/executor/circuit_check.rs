//! The check of a circuit without a run.

use serde_json::{Map, Value};

use openqasm_simulator::survey::survey;
use openqasm_simulator::{MAX_SOURCE_BYTES, Request, Stop, Stopped};

use super::circuit_report::CircuitVerdict;
use super::simulator::observables;
use crate::domain::circuit_options::CircuitOptions;
use crate::domain::sweep_points;
use crate::domain::task::Work;

/// The circuit to check, with the options of a run.
#[derive(Debug, Clone, Default)]
pub struct CircuitCheck {
    source: String,
    options: CircuitOptions,
    memory_limit_bytes: u64,
}

impl CircuitCheck {
    /// An OpenQASM 2 or 3 program and the memory limit of its state. Without `inputs`, its inputs may have any value.
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

    /// The circuit of a task with all its options; `None` for other work.
    pub fn of_task(work: Work, memory_limit_bytes: u64) -> Option<Self> {
        let Work::Circuit {
            source,
            mut options,
        } = work
        else {
            return None;
        };
        // A task without `inputs` has no inputs.
        let inputs = options.inputs.take().unwrap_or_default();
        // A sweep is checked at its first point.
        options.inputs = Some(match &options.sweep {
            Some(lists) => sweep_points::point(lists, Some(&inputs), 0),
            None => inputs,
        });
        Some(Self {
            source,
            options,
            memory_limit_bytes,
        })
    }

    /// The length of the text, in bytes.
    pub fn text_bytes(&self) -> usize {
        self.source.len()
    }

    /// Checks the circuit; blocks for seconds at most.
    pub fn run(&self, stop: &Stop) -> Result<CircuitVerdict, Stopped> {
        let observables = observables(&self.options);
        let request = Request {
            observables: &observables,
            source: &self.source,
            max_source_bytes: MAX_SOURCE_BYTES,
            max_program_bytes: self.memory_limit_bytes,
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
