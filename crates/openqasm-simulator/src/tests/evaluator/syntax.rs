//! Programs as trees.

use crate::tests::evaluator::value::{Kind, Value};

#[derive(Debug, Clone)]
pub enum Expr {
    /// Its text and its value.
    Literal(String, Value),
    Variable(String),
    Unary(&'static str, Box<Expr>),
    Binary(&'static str, Box<(Expr, Expr)>),
    Cast(Kind, Box<Expr>),
    Select(Box<Expr>, Index),
    Call(&'static str, Vec<Expr>),
    /// `a[1, i]`, or `a[1][i]` where the places are `split`.
    Element {
        array: String,
        indices: Vec<Expr>,
        split: bool,
    },
    /// Without a dimension it is the first one.
    SizeOf(String, Option<usize>),
    /// `i in {0, 3}`
    In(Box<Expr>, Vec<Expr>),
    Invoke(String, Vec<Argument>),
}

#[derive(Debug, Clone)]
pub enum Index {
    One(Box<Expr>),
    Range {
        first: i128,
        step: Option<i128>,
        last: i128,
    },
    Set(Vec<i128>),
}

/// An argument of a subroutine.
#[derive(Debug, Clone)]
pub enum Argument {
    Value(Expr),
    Array(Part),
}

/// An array, or a part of it without gaps.
#[derive(Debug, Clone)]
pub struct Part {
    pub array: String,
    pub indices: Vec<i128>,
    pub range: Option<(i128, i128)>,
}

#[derive(Debug, Clone)]
pub enum Target {
    Variable(String),
    Bits(String, Index),
    Element(String, Vec<Expr>),
    ElementBits(String, Vec<Expr>, Index),
}

/// What a whole array is set to.
#[derive(Debug, Clone)]
pub enum Source {
    /// In row-major order.
    List(Vec<Expr>),
    Parts(Vec<Part>),
}

#[derive(Debug, Clone)]
pub enum Domain {
    Range(Box<[Expr; 2]>, Option<i128>),
    Set(Vec<Expr>),
    Bits(String),
    Array(Part),
}

#[derive(Debug, Clone)]
pub enum Statement {
    Declare {
        constant: bool,
        kind: Kind,
        /// How the program writes the type.
        ty: String,
        name: String,
        value: Expr,
    },
    DeclareArray {
        kind: Kind,
        sizes: Vec<usize>,
        name: String,
        source: Source,
    },
    /// Another name for bits of registers.
    Alias {
        name: String,
        parts: Vec<(String, Option<Index>)>,
    },
    Assign {
        target: Target,
        op: &'static str,
        value: Expr,
    },
    AssignPart(Part, Source),
    If {
        condition: Expr,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    For {
        kind: Kind,
        name: String,
        domain: Domain,
        body: Vec<Statement>,
    },
    /// Runs while a counter, which the body increments, is below a limit, and a condition holds.
    While {
        condition: Expr,
        body: Vec<Statement>,
    },
    Switch {
        value: Expr,
        cases: Vec<(Vec<Expr>, Vec<Statement>)>,
        default: Option<Vec<Statement>>,
    },
    Break,
    Continue,
    Return(Expr),
    Call(String, Vec<Argument>),
}

#[derive(Debug, Clone)]
pub struct Subroutine {
    pub name: String,
    pub parameters: Vec<Parameter>,
    pub result: Option<Kind>,
    pub body: Vec<Statement>,
}

#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub kind: Kind,
    pub array: Option<ArrayParameter>,
}

#[derive(Debug, Clone)]
pub struct ArrayParameter {
    pub sizes: Vec<usize>,
    /// Only the number of dimensions is written.
    pub open: bool,
    pub mutable: bool,
}
