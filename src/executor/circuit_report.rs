//! The report of a circuit check as the API and `qtask check` write it.

use std::collections::BTreeMap;

use openqasm_simulator::survey;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a circuit would run, and what it would take.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CircuitVerdict {
    /// Whether the simulator would run it.
    pub valid: bool,
    /// Why not, up to ten mistakes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<CircuitMistake>,
    /// What it would take; left out where the text is no program.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub survey: Option<CircuitSurvey>,
}

/// One reason why a circuit does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CircuitMistake {
    /// What a task with this circuit would fail with.
    pub code: MistakeCode,
    /// Line, from 1; left out where the whole circuit is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<usize>,
    /// Column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub column: Option<usize>,
    /// What is wrong and, where it helps, what was expected.
    pub message: String,
    /// The line, or a window of it when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source_line: Option<String>,
    /// Where in `source_line` the mistake is, in characters from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub caret: Option<usize>,
}

/// The kind of a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MistakeCode {
    /// It is no program that can be run.
    InvalidCircuit,
    /// It needs more than it may have.
    ResourceLimit,
    /// It is for a backend that does not run such tasks.
    UnsupportedTask,
}

/// What a circuit is made of and what its run would take.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CircuitSurvey {
    /// The version of OpenQASM: 2 or 3.
    pub openqasm_version: u8,
    /// Qubits that it declares.
    pub qubits: u32,
    /// Qubits that gates change: those that take memory.
    pub qubits_used: usize,
    /// Classical registers in the order of their declaration.
    pub registers: Vec<ClassicalRegister>,
    /// What its `input` declarations want as `parameters`.
    pub inputs: Vec<CircuitInput>,
    /// How often each gate is applied, under the name that the circuit gives it; a gate on registers
    /// once for each of their qubits.
    #[schema(example = json!({"h": 1, "ctrl @ x": 2}))]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    pub method: Option<&'static str>,
    /// What its state takes; left out where the method is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub memory: Option<CircuitMemory>,
    /// What there is to know about these figures, for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A value that a circuit wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CircuitInput {
    /// Its name.
    pub name: String,
    /// Its type in OpenQASM.
    #[serde(rename = "type")]
    #[schema(example = "float[64]")]
    pub ty: String,
}

/// The memory of a run, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CircuitMemory {
    /// What one state takes; left out where no machine could count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state_bytes: Option<u64>,
    /// What a run sets aside, copies for branches included; at most the limit.
    pub reserved_bytes: u64,
    /// What there may be.
    pub limit_bytes: u64,
    /// Whether the state fits; where the counts are estimates, that of all ways together.
    pub fits: bool,
}

/// A classical register of the circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClassicalRegister {
    /// Its name in the circuit; `meas` for measurements without a target.
    pub name: String,
    /// Number of bits.
    pub size: u32,
}

impl CircuitMistake {
    /// A mistake of the circuit as a whole.
    pub fn without_position(code: MistakeCode, message: String) -> Self {
        Self {
            code,
            line: None,
            column: None,
            message,
            source_line: None,
            caret: None,
        }
    }
}

impl From<survey::Verdict> for CircuitVerdict {
    fn from(verdict: survey::Verdict) -> Self {
        Self {
            valid: verdict.valid,
            errors: verdict.errors.into_iter().map(Into::into).collect(),
            survey: verdict.survey.map(Into::into),
        }
    }
}

impl From<survey::Mistake> for CircuitMistake {
    fn from(mistake: survey::Mistake) -> Self {
        Self {
            code: match mistake.code {
                survey::MistakeCode::InvalidCircuit => MistakeCode::InvalidCircuit,
                survey::MistakeCode::ResourceLimit => MistakeCode::ResourceLimit,
            },
            line: mistake.line,
            column: mistake.column,
            message: mistake.message,
            source_line: mistake.source_line,
            caret: mistake.caret,
        }
    }
}

impl From<survey::Survey> for CircuitSurvey {
    fn from(survey: survey::Survey) -> Self {
        let registers = survey
            .registers
            .into_iter()
            .map(|register| ClassicalRegister {
                name: register.name,
                size: register.size,
            });
        let inputs = survey.inputs.into_iter().map(|input| CircuitInput {
            name: input.name,
            ty: input.ty,
        });
        Self {
            openqasm_version: survey.openqasm_version,
            qubits: survey.qubits,
            qubits_used: survey.qubits_used,
            registers: registers.collect(),
            inputs: inputs.collect(),
            gates: survey.gates,
            gate_count: survey.gate_count,
            multi_qubit_gates: survey.multi_qubit_gates,
            measurements: survey.measurements,
            resets: survey.resets,
            depth: survey.depth,
            counts_are_exact: survey.counts_are_exact,
            depth_is_exact: survey.depth_is_exact,
            method: survey.method,
            memory: survey.memory.map(|memory| CircuitMemory {
                state_bytes: memory.state_bytes,
                reserved_bytes: memory.reserved_bytes,
                limit_bytes: memory.limit_bytes,
                fits: memory.fits,
            }),
            notes: survey.notes,
        }
    }
}
