//! The report of a circuit check, as the API and `qtask check` write it.

use std::collections::BTreeMap;

use openqasm_simulator::survey;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a circuit would run, and its analysis.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CircuitVerdict {
    /// Whether the simulator would run it.
    pub valid: bool,
    /// The reasons why not, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<CircuitMistake>,
    /// The analysis; omitted if the text is not a valid program.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub survey: Option<CircuitSurvey>,
}

/// One reason why a circuit does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CircuitMistake {
    /// The error code with which a task with this circuit would fail.
    pub code: MistakeCode,
    /// Line, from 1; omitted if the mistake concerns the whole circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<usize>,
    /// Column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub column: Option<usize>,
    /// The mistake and, where useful, what was expected.
    pub message: String,
    /// The source line, or the part of a long line around the mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source_line: Option<String>,
    /// The position of the mistake in `source_line`, in characters from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub caret: Option<usize>,
}

/// The kind of a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MistakeCode {
    /// It is not a program that can be run.
    InvalidCircuit,
    /// It exceeds a resource limit.
    ResourceLimit,
    /// It is for a backend that does not run such tasks.
    UnsupportedTask,
}

/// The contents of a circuit, and the resources of its run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CircuitSurvey {
    /// The version of OpenQASM: 2 or 3.
    pub openqasm_version: u8,
    /// Declared qubits.
    pub qubits: u32,
    /// Qubits that gates change: those that occupy memory.
    pub qubits_used: usize,
    /// Classical registers in the order of their declaration.
    pub registers: Vec<ClassicalRegister>,
    /// The `input` declarations, whose values `parameters` supplies.
    pub inputs: Vec<CircuitInput>,
    /// The number of applications of each gate, by its name in the circuit; a gate on registers counts
    /// once for each of their qubits.
    #[schema(example = json!({"h": 1, "ctrl @ x": 2}))]
    pub gates: BTreeMap<String, u64>,
    /// Applications of all gates.
    pub gate_count: u64,
    /// Applications of gates to two qubits or more.
    pub multi_qubit_gates: u64,
    /// Measurements, counted per qubit.
    pub measurements: u64,
    /// Resets, counted per qubit.
    pub resets: u64,
    /// The longest path, in gates, measurements and resets.
    pub depth: u32,
    /// Whether every run applies exactly these gates; if not, `notes` has the reason.
    pub counts_are_exact: bool,
    /// Whether every run has exactly this depth.
    pub depth_is_exact: bool,
    /// The simulation method: `statevector` or `stabilizer`; omitted if finding it takes too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    pub method: Option<&'static str>,
    /// The memory of a run; omitted if the method is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub memory: Option<CircuitMemory>,
    /// Remarks about these figures, for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An input of a circuit.
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
    /// The size of one state; omitted if it does not fit into 64 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state_bytes: Option<u64>,
    /// The memory that a run reserves, including copies for branches; at most the limit.
    pub reserved_bytes: u64,
    /// The memory limit.
    pub limit_bytes: u64,
    /// Whether the state fits; if the counts are estimates, for all branches together.
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
