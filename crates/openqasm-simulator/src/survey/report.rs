//! The report of a survey.

use crate::error::{CircuitError, Diagnostic};
use crate::output::Register;
use std::collections::BTreeMap;

/// Whether a circuit would run, and what it would take.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether the simulator would run it.
    pub valid: bool,
    /// Why not, up to ten mistakes.
    pub errors: Vec<Mistake>,
    /// What it would take; left out where the text is no program.
    pub survey: Option<Survey>,
}

/// One reason why a circuit does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The kind of the mistake.
    pub code: MistakeCode,
    /// Line, from 1; left out where the whole circuit is meant.
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
    /// It is no program that can be run.
    InvalidCircuit,
    /// It needs more than it may have.
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
    /// A limit that the circuit as a whole does not keep.
    pub(crate) fn limit(message: String) -> Self {
        Self {
            code: MistakeCode::ResourceLimit,
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

/// What a circuit is made of and what its run would take.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// The version of OpenQASM: 2 or 3.
    pub openqasm_version: u8,
    /// Qubits that it declares.
    pub qubits: u32,
    /// Qubits that gates change: those that take memory.
    pub qubits_used: usize,
    /// Classical registers in the order of their declaration.
    pub registers: Vec<Register>,
    /// What its `input` declarations want as `parameters`.
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
    /// How it would be simulated: `statevector` or `stabilizer`; left out where that takes too long to find.
    pub method: Option<&'static str>,
    /// What its state takes; left out where the method is not known.
    pub memory: Option<MemorySurvey>,
    /// What there is to know about these figures, for people.
    pub notes: Vec<String>,
}

/// A value that a circuit wants.
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
    /// What one state takes; left out where no machine could count it.
    pub state_bytes: Option<u64>,
    /// What a run sets aside, copies for branches included; at most the limit.
    pub reserved_bytes: u64,
    /// What there may be.
    pub limit_bytes: u64,
    /// Whether the state fits; where the counts are estimates, that of all ways together.
    pub fits: bool,
}
