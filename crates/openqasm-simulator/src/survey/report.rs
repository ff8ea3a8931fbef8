//! The report of a survey.

use crate::error::{CircuitError, Diagnostic};
use crate::output::Register;
use std::collections::BTreeMap;

/// Whether a circuit would run, and the resources of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether the simulator would run it.
    pub valid: bool,
    /// Why it would not run, up to ten mistakes.
    pub errors: Vec<Mistake>,
    /// The resources of a run; omitted if the text does not compile.
    pub survey: Option<Survey>,
}

/// One reason why a circuit does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The kind of the mistake.
    pub code: MistakeCode,
    /// Line, from 1; omitted if the mistake concerns the whole circuit.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong and, where it helps, what was expected.
    pub message: String,
    /// The line, or a window of it when it is long.
    pub source_line: Option<String>,
    /// Where in `source_line` the mistake is, in characters from 0.
    pub caret: Option<usize>,
}

/// The kind of a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MistakeCode {
    /// The program cannot be run.
    InvalidCircuit,
    /// It exceeds a limit.
    ResourceLimit,
}

impl MistakeCode {
    /// The code in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidCircuit => "invalid_circuit",
            Self::ResourceLimit => "resource_limit",
        }
    }
}

impl Mistake {
    /// A limit that the circuit as a whole exceeds.
    pub(crate) fn limit(message: String) -> Self {
        Self::whole(MistakeCode::ResourceLimit, message)
    }

    /// A mistake that has no position in the circuit.
    pub(crate) fn whole(code: MistakeCode, message: String) -> Self {
        Self {
            code,
            line: None,
            column: None,
            message,
            source_line: None,
            caret: None,
        }
    }

    pub(crate) fn at(diagnostic: &Diagnostic, source: &str) -> Self {
        let CircuitError {
            line,
            column,
            message,
            excerpt,
            caret,
        } = diagnostic.locate(source);
        let is_shown = !excerpt.trim().is_empty();
        Self {
            code: if diagnostic.is_limit {
                MistakeCode::ResourceLimit
            } else {
                MistakeCode::InvalidCircuit
            },
            line: Some(line),
            column: Some(column),
            message,
            source_line: is_shown.then_some(excerpt),
            caret: is_shown.then_some(caret),
        }
    }
}

/// The contents of a circuit and the resources of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// The version of OpenQASM: 2 or 3.
    pub openqasm_version: u8,
    /// Qubits that it declares.
    pub qubits: u32,
    /// Qubits that gates change: only those take memory.
    pub qubits_used: usize,
    /// Classical registers in the order of their declaration.
    pub registers: Vec<Register>,
    /// The `parameters` that its `input` declarations require.
    pub inputs: Vec<InputSurvey>,
    /// How often each gate is applied, under the name that the circuit gives it; a gate on registers
    /// once for each of their qubits.
    pub gates: BTreeMap<String, u64>,
    /// Applications of all gates.
    pub gate_count: u64,
    /// Applications of gates to two qubits or more.
    pub multi_qubit_gates: u64,
    /// Qubits measured, once for each time.
    pub measurements: u64,
    /// Qubits reset, once for each time.
    pub resets: u64,
    /// The longest path, in gates, measurements and resets.
    pub depth: u32,
    /// Whether every run applies exactly these gates; `notes` say why not.
    pub counts_are_exact: bool,
    /// Whether every run has exactly this depth.
    pub depth_is_exact: bool,
    /// The simulation method: `statevector` or `stabilizer`; omitted if finding it takes too long.
    pub method: Option<&'static str>,
    /// The memory of its state; omitted if the method is not known.
    pub memory: Option<MemorySurvey>,
    /// Notes on these figures, for people.
    pub notes: Vec<String>,
}

/// A value that a circuit requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputSurvey {
    /// Its name.
    pub name: String,
    /// Its type in OpenQASM.
    pub ty: String,
}

/// The memory of a run, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemorySurvey {
    /// Memory of one state; omitted if it exceeds what a 64-bit number can hold.
    pub state_bytes: Option<u64>,
    /// Memory that a run reserves, copies for branches included; at most the limit.
    pub reserved_bytes: u64,
    /// The limit.
    pub limit_bytes: u64,
    /// Whether the state fits; if the counts are estimates, the state of all branches together.
    pub fits: bool,
}
