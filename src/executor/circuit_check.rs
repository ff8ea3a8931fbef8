//! A circuit to check instead of running it.

use serde_json::{Map, Value};

use openqasm_simulator::survey::survey;
use openqasm_simulator::{MAX_SOURCE_BYTES, Request, Stop, Stopped};

use super::circuit_report::CircuitVerdict;
use crate::domain::task::Work;

/// What is to be checked, as the simulator would run it.
#[derive(Debug, Clone, Default)]
pub struct CircuitCheck {
    /// OpenQASM 2 or 3.
    pub source: String,
    /// Values for its inputs; without any they may have all values.
    pub parameters: Option<Map<String, Value>>,
    /// What a state may take, in bytes.
    pub memory_limit_bytes: u64,
    shots: u32,
    memory: bool,
    statevector: bool,
}

impl CircuitCheck {
    /// A circuit by itself.
    pub fn new(
        source: String,
        parameters: Option<Map<String, Value>>,
        memory_limit_bytes: u64,
    ) -> Self {
        Self {
            source,
            parameters,
            memory_limit_bytes,
            ..Self::default()
        }
    }

    /// The circuit of a task, with all that the task asks for; none for other work. A task has
    /// exactly the parameters that it names.
    pub fn of_task(
        work: Work,
        parameters: &Map<String, Value>,
        memory_limit_bytes: u64,
    ) -> Option<Self> {
        let Work::Circuit { source, shots } = work else {
            return None;
        };
        let wants = |option| parameters.get(option).and_then(Value::as_bool);
        let inputs = parameters.get("input").and_then(Value::as_object);
        Some(Self {
            source,
            parameters: Some(inputs.cloned().unwrap_or_default()),
            memory_limit_bytes,
            shots,
            memory: wants("memory").unwrap_or(false),
            statevector: wants("statevector").unwrap_or(false),
        })
    }

    /// Checks it; blocks for seconds at most.
    pub fn run(&self, stop: &Stop) -> Result<CircuitVerdict, Stopped> {
        let request = Request {
            source: &self.source,
            max_source_bytes: MAX_SOURCE_BYTES,
            shots: self.shots,
            parameters: self.parameters.as_ref(),
            memory: self.memory,
            memory_limit_bytes: self.memory_limit_bytes,
            statevector: self.statevector,
            ..Request::default()
        };
        survey(&request, stop).map(Into::into)
    }
}
