//! The syntax tree of the source, before names are resolved.

use crate::ir::operator::{BinaryOp, UnaryOp};
use std::rc::Rc;

/// A name with its byte offset in the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'s> {
    pub text: &'s str,
    pub at: u32,
}

/// An expression, with its offset and its nesting depth.
#[derive(Debug)]
pub(crate) struct Expr<'s> {
    pub kind: ExprKind<'s>,
    pub at: u32,
    pub depth: u16,
}

#[derive(Debug)]
pub(crate) enum ExprKind<'s> {
    Integer(i128),
    Float(f64),
    Imaginary(f64),
    Bool(bool),
    Bits {
        value: u128,
        width: u32,
    },
    /// More bits than a value can have, 128 in a word, the lowest first; and their number.
    LongBits(Box<[u128]>, u32),
    Duration(f64),
    Reference(Box<Reference<'s>>),
    Unary(UnaryOp, Box<Expr<'s>>),
    Binary(BinaryOp, Box<(Expr<'s>, Expr<'s>)>),
    Call(Name<'s>, Vec<Expr<'s>>),
    Cast(Box<TypeName<'s>>, Box<Expr<'s>>),
    /// Indices of an expression other than a name: `(a + b)[0]`.
    Indexed(Box<Expr<'s>>, Vec<Index<'s>>),
    /// `a ++ b`
    Concatenation(Vec<Expr<'s>>),
    /// `i in {0, 3}`
    Member(Box<Expr<'s>>, Vec<Expr<'s>>),
}

/// A variable, register, or physical qubit (its name starts with `$`), perhaps indexed.
#[derive(Debug)]
pub(crate) struct Reference<'s> {
    pub name: Name<'s>,
    pub index: Option<Index<'s>>,
    /// Further indices: `a[1, 2]`, `a[1][2]`.
    pub more: Vec<Further<'s>>,
}

/// An index after the first.
#[derive(Debug)]
pub(crate) struct Further<'s> {
    pub index: Index<'s>,
    /// Whether it is in the same brackets as the index before it.
    pub comma: bool,
}

impl<'s> Reference<'s> {
    /// All indices.
    pub(crate) fn indices(&self) -> impl Iterator<Item = &Index<'s>> {
        let more = self.more.iter().map(|further| &further.index);
        self.index.iter().chain(more)
    }
}

/// The contents of brackets after a name.
#[derive(Debug)]
pub(crate) enum Index<'s> {
    /// `q[2]`
    One(Expr<'s>),
    /// `q[0:2]`, `q[0:2:8]`; a missing end means the end of the register.
    Range(Box<RangeExpr<'s>>),
    /// `q[{0, 3}]`
    Set(Vec<Expr<'s>>),
}

impl Index<'_> {
    /// The deepest nesting of the expressions in the brackets.
    pub(crate) fn depth(&self) -> u16 {
        let deepest = match self {
            Self::One(value) => Some(value.depth),
            Self::Set(values) => values.iter().map(|value| value.depth).max(),
            Self::Range(range) => [&range.start, &range.step, &range.end]
                .into_iter()
                .flatten()
                .map(|value| value.depth)
                .max(),
        };
        deepest.unwrap_or(0)
    }
}

/// `start:step:end`, the end included.
#[derive(Debug)]
pub(crate) struct RangeExpr<'s> {
    pub start: Option<Expr<'s>>,
    pub step: Option<Expr<'s>>,
    pub end: Option<Expr<'s>>,
    pub at: u32,
}

/// A classical type as written.
#[derive(Debug)]
pub(crate) struct TypeName<'s> {
    pub name: Name<'s>,
    pub width: Option<Expr<'s>>,
}

/// A statement with its offset.
#[derive(Debug)]
pub(crate) struct Statement<'s> {
    pub kind: StatementKind<'s>,
    pub at: u32,
}

#[derive(Debug)]
pub(crate) enum StatementKind<'s> {
    /// A statement without effect: a known include, an ignored pragma, an empty statement.
    Nothing,
    Qubits {
        name: Name<'s>,
        size: Option<Expr<'s>>,
    },
    Bits {
        name: Name<'s>,
        size: Option<Expr<'s>>,
        init: Option<Source<'s>>,
    },
    Variable {
        ty: TypeName<'s>,
        name: Name<'s>,
        init: Option<Source<'s>>,
        constant: bool,
    },
    /// `input float[64] theta;`: its value is a parameter of the run.
    Input {
        ty: TypeName<'s>,
        name: Name<'s>,
    },
    /// `input array[int[8], 2] a;`
    InputArray {
        ty: Box<ArrayType<'s>>,
        name: Name<'s>,
    },
    Array(Box<ArrayDeclaration<'s>>),
    Alias {
        name: Name<'s>,
        parts: Vec<Reference<'s>>,
    },
    Gate(GateDefinition<'s>),
    Subroutine(Rc<Subroutine<'s>>),
    Return(Option<Source<'s>>),
    Opaque {
        name: Name<'s>,
        parameters: usize,
        qubits: usize,
    },
    /// `extern name(...);`: a function of another system.
    External {
        name: Name<'s>,
    },
    Call(GateCall<'s>),
    Barrier(Vec<Reference<'s>>),
    Delay(Expr<'s>, Vec<Reference<'s>>),
    Reset(Reference<'s>),
    /// `measure q;` without a target.
    Measure(Reference<'s>),
    Assign {
        target: Reference<'s>,
        op: Option<BinaryOp>,
        value: Source<'s>,
    },
    /// `a = {1, 2};`
    AssignList {
        target: Reference<'s>,
        list: Literal<'s>,
    },
    If {
        condition: Expr<'s>,
        then: Vec<Statement<'s>>,
        otherwise: Vec<Statement<'s>>,
    },
    For(Box<ForLoop<'s>>),
    While {
        condition: Expr<'s>,
        body: Vec<Statement<'s>>,
    },
    Switch {
        subject: Expr<'s>,
        cases: Vec<Case<'s>>,
        default: Vec<Statement<'s>>,
    },
    /// An expression whose value is not used.
    Expression(Expr<'s>),
    /// An unreadable statement: it may declare any of these names.
    Unreadable(Vec<Name<'s>>),
    Break,
    Continue,
    End,
    Box(Vec<Statement<'s>>),
}

/// The right-hand side of an assignment.
#[derive(Debug)]
pub(crate) enum Source<'s> {
    Value(Expr<'s>),
    Measure(Reference<'s>),
}

#[derive(Debug)]
pub(crate) struct GateDefinition<'s> {
    pub name: Name<'s>,
    pub parameters: Vec<Name<'s>>,
    pub qubits: Vec<Name<'s>>,
    pub body: Vec<Statement<'s>>,
}

/// `array[int[8], 2, 3] a = {{1, 2, 3}, {4, 5, 6}};`
#[derive(Debug)]
pub(crate) struct ArrayDeclaration<'s> {
    pub ty: ArrayType<'s>,
    pub name: Name<'s>,
    pub init: Option<Literal<'s>>,
    pub constant: bool,
}

/// The type of an array as written.
#[derive(Debug)]
pub(crate) struct ArrayType<'s> {
    pub element: TypeName<'s>,
    pub sizes: Vec<Expr<'s>>,
    /// `#dim = 2`, for a parameter of any sizes.
    pub dimensions: Option<Expr<'s>>,
}

/// The initial value of an array.
#[derive(Debug)]
pub(crate) enum Literal<'s> {
    Value(Expr<'s>),
    /// With its offset.
    List(Vec<Literal<'s>>, u32),
}

/// `def name(parameters) -> result { body }`
#[derive(Debug)]
pub(crate) struct Subroutine<'s> {
    pub name: Name<'s>,
    pub parameters: Vec<Formal<'s>>,
    pub result: Option<TypeName<'s>>,
    pub body: Vec<Statement<'s>>,
}

/// A parameter of a subroutine.
#[derive(Debug)]
pub(crate) struct Formal<'s> {
    pub name: Name<'s>,
    pub kind: FormalKind<'s>,
}

#[derive(Debug)]
pub(crate) enum FormalKind<'s> {
    /// `qubit[2] q`
    Qubits(Option<Expr<'s>>),
    /// `int[32] n`
    Value(TypeName<'s>),
    /// `readonly array[int[8], 2] a`, `mutable array[int[8], #dim = 1] a`
    Array { ty: ArrayType<'s>, mutable: bool },
}

#[derive(Debug)]
pub(crate) struct GateCall<'s> {
    /// In source order: the last is next to the gate.
    pub modifiers: Vec<Modifier<'s>>,
    pub name: Name<'s>,
    pub parameters: Vec<Expr<'s>>,
    pub operands: Vec<Reference<'s>>,
}

#[derive(Debug)]
pub(crate) enum Modifier<'s> {
    Inverse,
    Power(Expr<'s>),
    Control {
        count: Option<Expr<'s>>,
        negated: bool,
    },
}

#[derive(Debug)]
pub(crate) struct ForLoop<'s> {
    pub ty: TypeName<'s>,
    pub variable: Name<'s>,
    pub domain: Domain<'s>,
    pub body: Vec<Statement<'s>>,
}

/// The values that a `for` loop iterates over.
#[derive(Debug)]
pub(crate) enum Domain<'s> {
    Range(RangeExpr<'s>),
    Set(Vec<Expr<'s>>),
    /// The elements of a register or an array.
    Each(Reference<'s>),
}

/// One `case` of a `switch`.
#[derive(Debug)]
pub(crate) struct Case<'s> {
    pub values: Vec<Expr<'s>>,
    pub body: Vec<Statement<'s>>,
}
