//! A checked program: the output of the checker (`sema`) and the input of execution (`exec`). Control flow is flat
//! (jumps), so that a partly run program is just a position and its variables, and can be copied.

use crate::ir::functions::Function;
use crate::ir::operator::{BinaryOp, UnaryOp};
use crate::ir::value::{Type, Value};
use std::sync::Arc;

/// A program that passed every check of the compiler.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) steps: Vec<Step>,
    pub(crate) gates: Arc<Vec<GateDefinition>>,
    pub(crate) registers: Vec<RegisterSlot>,
    pub(crate) bits: u32,
    pub(crate) variables: usize,
    pub(crate) qubits: u32,
    /// The qubits in the order of results.
    pub(crate) order: Vec<u32>,
    /// Of OpenQASM: 2 or 3.
    pub(crate) version: u8,
    pub(crate) inputs: Vec<Input>,
    /// The number of steps that are in the source; the steps after them measure a circuit without measurements.
    pub(crate) written: usize,
    /// The memory that it takes, estimated from above.
    pub(crate) bytes: u64,
}

/// An `input` declaration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    pub name: String,
    /// Its type in OpenQASM syntax.
    pub ty: String,
    /// Its storage while its value is not known; `None` if it is known.
    pub open: Option<Open>,
    /// Its type, if that is `float` or `angle`.
    pub real: Option<Type>,
}

/// The storage of a value that is not known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Open {
    /// That many consecutive variables.
    Variables {
        first: usize,
        count: usize,
    },
    Bits(Operand),
}

impl Program {
    /// The number of qubits that the program declares, or measures implicitly.
    pub fn declared_qubits(&self) -> u32 {
        self.qubits
    }

    /// The memory that the program takes, estimated from above, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.bytes
    }

    /// The number of classical bits of the counts.
    pub fn classical_bits(&self) -> u32 {
        self.registers.iter().map(|register| register.len).sum()
    }

    /// Bytes of one shot in a list of outcomes by register: `"0x`, a digit for four bits, a quote and a comma.
    pub(crate) fn shot_bytes(&self) -> u64 {
        let digits = |register: &RegisterSlot| u64::from(register.len.div_ceil(4).max(1)) + 5;
        self.registers.iter().map(digits).sum()
    }

    /// Bytes of one outcome in a result: a digit for each bit, a space between registers, quotes and a comma.
    pub(crate) fn outcome_bytes(&self) -> u64 {
        u64::from(self.classical_bits()) + self.registers.len() as u64 + 3
    }
}

/// A register of the result, and the positions of its bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegisterSlot {
    pub name: String,
    /// The register's bits as ranges `(first, length)`, bit 0 first.
    pub parts: Vec<(u32, u32)>,
    pub len: u32,
}

/// One statement, with its offset in the source.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub action: Action,
    pub at: u32,
    /// Ranges `(first, length)` of bits whose value this statement uses.
    pub reads: Box<[(u32, u32)]>,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Gate(Box<GateCall>),
    Measure {
        source: Operand,
        target: Operand,
    },
    Reset(Operand),
    /// Has no effect; without operands it applies to all qubits.
    Barrier(Box<[Operand]>),
    SetVariable {
        slot: usize,
        ty: Type,
        value: Expr,
    },
    SetElement {
        element: Box<Element>,
        ty: Type,
        value: Expr,
    },
    /// Assigns one value to that many consecutive variables.
    Fill {
        first: usize,
        count: usize,
        value: Value,
    },
    CopyVariables {
        from: usize,
        to: usize,
        count: usize,
    },
    SetBits {
        target: Operand,
        value: Expr,
    },
    /// Copies bits to as many others; undecided measurements stay undecided.
    CopyBits {
        source: Operand,
        target: Operand,
    },
    Jump(usize),
    Unless {
        condition: Expr,
        to: usize,
    },
    LoopStart(Box<LoopStart>),
    LoopNext(Box<LoopNext>),
}

/// Sets the three hidden variables of a loop, consecutive from `state` on: the next value (or the number of the next
/// value), the number of remaining values, and the step.
#[derive(Debug, Clone)]
pub(crate) struct LoopStart {
    pub domain: Domain,
    pub state: usize,
}

/// Takes the next value of a loop, or leaves it.
#[derive(Debug, Clone)]
pub(crate) struct LoopNext {
    pub domain: Domain,
    pub state: usize,
    pub variable: usize,
    pub ty: Type,
    pub exit: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Domain {
    /// Start, step, end (included).
    Range(Arc<[Expr; 3]>),
    Values(Arc<[Expr]>),
}

/// Numbered qubits, or numbered classical bits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// One or more consecutive numbers.
    Range { first: u32, len: u32 },
    /// Any, in this order.
    List(Arc<[u32]>),
    /// One whose number is known only at run time.
    At {
        of: Box<Operand>,
        index: Box<Expr>,
        at: u32,
    },
}

impl Operand {
    /// The number of its elements.
    pub(crate) fn len(&self) -> u32 {
        match self {
            Self::Range { len, .. } => *len,
            Self::List(list) => u32::try_from(list.len()).unwrap_or(u32::MAX),
            Self::At { .. } => 1,
        }
    }

    /// The number at that index, if it is known before the run.
    pub(crate) fn get(&self, index: u32) -> Option<u32> {
        match self {
            Self::Range { first, len } => (index < *len).then(|| first + index),
            Self::List(list) => list.get(index as usize).copied(),
            Self::At { .. } => None,
        }
    }

    /// All numbers; none if they are known only at run time.
    pub(crate) fn known(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).map_while(|index| self.get(index))
    }
}

/// A typed expression with its names resolved. Positions are kept where evaluation can fail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Constant(Value),
    Variable(usize),
    /// A parameter of the enclosing gate definition.
    Parameter(usize),
    /// A register of classical bits (at most 128), bit 0 first.
    Bits(Operand),
    Unary(UnaryOp, Box<Expr>, u32),
    Binary(BinaryOp, Box<(Expr, Expr)>, u32),
    Call(Function, Vec<Expr>, u32),
    Element(Box<Element>),
    /// Bits of a value that is stored in that many bits, numbered by the operand.
    Select(Box<Expr>, Operand, u32),
    /// The first value, of that type, with the bits that the operand numbers replaced by the second.
    Insert(Box<(Expr, Expr)>, Operand, Type, u32),
    Cast(Type, Box<Expr>, u32),
    /// Registers of any width, the second possibly a value, compared as unsigned numbers.
    CompareBits(BinaryOp, Box<(Operand, Wide)>, u32),
}

/// The other side of a comparison with a register.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wide {
    Bits(Operand),
    Value(Expr),
}

/// An element of an array, selected at run time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Element {
    /// The variable at which all indices are 0.
    pub first: usize,
    pub indices: Vec<ElementIndex>,
}

/// One index of an element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ElementIndex {
    pub value: Expr,
    /// The number of its values.
    pub size: u32,
    /// The step in variables, negative if it runs backwards.
    pub stride: isize,
    pub at: u32,
}

/// A gate application; several operands of a register's size apply it several times.
#[derive(Debug, Clone)]
pub(crate) struct GateCall {
    pub gate: GateRef,
    /// Innermost first; `inv` is the power -1.
    pub powers: Box<[Expr]>,
    /// For each control qubit (the first operands): whether it controls on 1.
    pub controls: Box<[bool]>,
    pub parameters: Box<[Expr]>,
    pub operands: Box<[Operand]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum GateRef {
    Builtin(crate::ir::gates::Builtin),
    /// An index into the built-in library.
    Library(usize),
    /// An index into [`Program::gates`].
    Defined(usize),
    /// A reset in a definition. It is inlined at the call: no gate of a program is one.
    Reset,
}

/// A gate defined in OpenQASM, by the client or in the built-in library.
#[derive(Debug, Clone)]
pub(crate) struct GateDefinition {
    pub parameters: usize,
    pub qubits: usize,
    pub body: Vec<BodyCall>,
    /// The number of built-in gates that one application expands to.
    pub size: u64,
    /// The nesting depth of its definition.
    pub depth: u32,
    /// Whether it resets a qubit, as no gate of the language does.
    pub resets: bool,
    /// Declared with `opaque`: known, but cannot be run.
    pub opaque: bool,
}

/// A gate application inside a definition: its operands are the definition's qubits.
#[derive(Debug, Clone)]
pub(crate) struct BodyCall {
    pub gate: GateRef,
    pub powers: Vec<Expr>,
    pub controls: Vec<bool>,
    pub parameters: Vec<Expr>,
    pub qubits: Vec<usize>,
    pub at: u32,
}
