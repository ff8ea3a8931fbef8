//! Random classical programs, with the values that they must have.

use super::value::{self, Failure, Kind, Result, Value};
use std::fmt::Write;

/// splitmix64
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

struct Variable {
    name: String,
    kind: Kind,
    value: Value,
    constant: bool,
}

/// An expression: its text, how strongly its outermost operator binds, and its value.
struct Term {
    text: String,
    strength: u8,
    value: Value,
}

const WIDTHS: [u32; 11] = [1, 2, 3, 4, 5, 8, 13, 16, 31, 32, 64];
const UNARY: u8 = 11;
const POWER: u8 = 12;
const ATOM: u8 = 13;
/// From the table of the specification; a higher number binds more strongly.
const OPERATORS: [(&str, u8); 19] = [
    ("||", 1),
    ("&&", 2),
    ("|", 3),
    ("^", 4),
    ("&", 5),
    ("==", 6),
    ("!=", 6),
    ("<", 7),
    ("<=", 7),
    (">", 7),
    (">=", 7),
    ("<<", 8),
    (">>", 8),
    ("+", 9),
    ("-", 9),
    ("*", 10),
    ("/", 10),
    ("%", 10),
    ("**", POWER),
];

fn wrapped(term: &Term, least: u8) -> String {
    if term.strength < least {
        format!("({})", term.text)
    } else {
        term.text.clone()
    }
}

pub fn binary(op: &str, left: Value, right: Value) -> Result<Value> {
    match op {
        "||" => Ok(Value::Bool(value::truth(left) | value::truth(right))),
        "&&" => Ok(Value::Bool(value::truth(left) & value::truth(right))),
        "|" | "^" | "&" => value::bitwise(op, left, right),
        "<<" | ">>" => value::shift(op, left, right),
        "+" | "-" | "*" | "/" | "%" => value::arithmetic(op, left, right),
        "**" => value::power(left, right),
        _ => value::compare(op, left, right),
    }
}

fn name(kind: Kind) -> String {
    match kind {
        Kind::Bool => "bool".into(),
        Kind::Integer {
            signed: true,
            width: 64,
        } => "int".into(),
        Kind::Integer {
            signed: false,
            width: 64,
        } => "uint".into(),
        Kind::Integer { signed, width } => format!("{}int[{width}]", if signed { "" } else { "u" }),
        Kind::Bits(width) => format!("bit[{width}]"),
        Kind::Angle(width) => format!("angle[{width}]"),
        Kind::Float => "float[64]".into(),
    }
}

pub struct Program {
    pub source: String,
    /// The only outcome.
    pub outcome: String,
}

struct Writer<'r> {
    random: &'r mut Random,
    variables: Vec<Variable>,
    source: String,
}

impl Writer<'_> {
    fn kind(&mut self) -> Kind {
        let width = self.random.of(&WIDTHS);
        match self.random.below(10) {
            0 => Kind::Bool,
            1..=3 => Kind::Integer {
                signed: false,
                width,
            },
            4 | 5 => Kind::Integer {
                signed: true,
                width,
            },
            6 | 7 => Kind::Bits(width),
            8 => Kind::Angle(width.max(2)),
            _ => Kind::Float,
        }
    }

    /// A literal, or the text of bits.
    fn literal(&mut self) -> Term {
        let atom = |text: String, value| Term {
            text,
            strength: ATOM,
            value,
        };
        match self.random.below(8) {
            0 => {
                let value = self.random.below(2) == 1;
                atom(value.to_string(), Value::Bool(value))
            }
            1 => {
                let width = self.random.of(&WIDTHS).min(32);
                let value = i128::from(self.random.next()) & ((1 << width) - 1);
                let text = format!("\"{value:0w$b}\"", w = width as usize);
                atom(text, Value::Bits { width, value })
            }
            2 => {
                #[allow(clippy::cast_precision_loss, reason = "small")]
                let value = self.random.below(200) as f64 / 8.0;
                atom(format!("{value:?}"), Value::Float(value))
            }
            3 => {
                let value = i128::from(self.random.next() >> (2 + self.random.below(61)));
                atom(format!("{value:#x}"), Value::Exact(value))
            }
            _ => {
                let value = self.random.below(20) as i128;
                atom(value.to_string(), Value::Exact(value))
            }
        }
    }

    /// What an operator takes of a term: a register of one bit that it computes with is a `uint[1]`.
    fn operand(&self, op: &str, term: &Term) -> Value {
        let computes = !matches!(
            op,
            "!" | "&&" | "||" | "==" | "!=" | "<" | "<=" | ">" | ">="
        );
        let mut registers = self
            .variables
            .iter()
            .filter(|v| v.kind == Kind::Bits(1) && !v.constant);
        match term.value {
            Value::Bits { width: 1, value }
                if computes && registers.any(|v| v.name == term.text) =>
            {
                Value::Integer {
                    signed: false,
                    width: 1,
                    value,
                }
            }
            value => value,
        }
    }

    /// An expression whose numbers without a type all fit an `int`.
    fn term(&mut self, depth: usize) -> Result<Term> {
        let term = self.any_term(depth)?;
        match term.value {
            Value::Exact(value) if value.abs() >= 1 << 62 => Err(Failure::Value),
            _ => Ok(term),
        }
    }

    fn any_term(&mut self, depth: usize) -> Result<Term> {
        if depth == 0 {
            if self.variables.is_empty() || self.random.below(3) == 0 {
                return Ok(self.literal());
            }
            let place = self.random.below(self.variables.len());
            let variable = &self.variables[place];
            let (text, strength, value) = (variable.name.clone(), ATOM, variable.value);
            return Ok(Term {
                text,
                strength,
                value,
            });
        }
        let inner = self.random.below(depth);
        match self.random.below(12) {
            0 | 1 => {
                let (op, operand) = (self.random.of(&["-", "!", "~"]), self.term(inner)?);
                let value = value::unary(op, self.operand(op, &operand))?;
                Ok(Term {
                    text: format!("{op}{}", wrapped(&operand, UNARY)),
                    strength: UNARY,
                    value,
                })
            }
            2 | 3 => {
                let (kind, operand) = (self.kind(), self.term(inner)?);
                let value = value::cast(kind, operand.value)?;
                Ok(Term {
                    text: format!("{}({})", name(kind), operand.text),
                    strength: ATOM,
                    value,
                })
            }
            4 => {
                let operand = self.term(inner)?;
                let first = self.random.below(8);
                let last = first + self.random.below(8);
                let value = value::slice(
                    operand.value,
                    u32::try_from(first).unwrap(),
                    u32::try_from(last).unwrap(),
                )?;
                let index = if first == last {
                    first.to_string()
                } else {
                    format!("{first}:{last}")
                };
                Ok(Term {
                    text: format!("{}[{index}]", wrapped(&operand, ATOM)),
                    strength: ATOM,
                    value,
                })
            }
            5 => {
                let (function, arity) = self.random.of(&[
                    ("popcount", 1),
                    ("rotl", 2),
                    ("rotr", 2),
                    ("abs", 1),
                    ("mod", 2),
                    ("floor", 1),
                    ("ceiling", 1),
                ]);
                let arguments = (0..arity)
                    .map(|_| self.term(inner))
                    .collect::<Result<Vec<Term>>>()?;
                let values: Vec<Value> = arguments.iter().map(|term| term.value).collect();
                let texts: Vec<&str> = arguments.iter().map(|term| term.text.as_str()).collect();
                let value = value::call(function, &values)?;
                Ok(Term {
                    text: format!("{function}({})", texts.join(", ")),
                    strength: ATOM,
                    value,
                })
            }
            _ => {
                let (op, strength) = self.random.of(&OPERATORS);
                let (left, right) = (self.term(inner)?, self.term(inner)?);
                let value = binary(op, self.operand(op, &left), self.operand(op, &right))?;
                // The power associates to the right, the others to the left.
                let (a, b) = if op == "**" {
                    (strength + 1, strength)
                } else {
                    (strength, strength + 1)
                };
                Ok(Term {
                    text: format!("{} {op} {}", wrapped(&left, a), wrapped(&right, b)),
                    strength,
                    value,
                })
            }
        }
    }

    /// An expression that has a value, of which `accept` makes what is wanted.
    fn some<T>(&mut self, mut accept: impl FnMut(&Term) -> Result<T>) -> (Term, T) {
        loop {
            let depth = 1 + self.random.below(4);
            let Ok(term) = self.term(depth) else { continue };
            if let Ok(accepted) = accept(&term) {
                return (term, accepted);
            }
        }
    }

    fn declare(&mut self) {
        let kind = self.kind();
        let (term, value) = self.some(|term| value::assign(kind, term.value));
        let name_of = format!("v{}", self.variables.len());
        let known = self
            .variables
            .iter()
            .all(|variable| variable.constant || !mentions(&term.text, &variable.name));
        let constant = known && self.random.below(3) == 0;
        let word = if constant { "const " } else { "" };
        writeln!(
            self.source,
            "{word}{} {name_of} = {};",
            name(kind),
            term.text
        )
        .unwrap();
        self.variables.push(Variable {
            name: name_of,
            kind,
            value,
            constant,
        });
    }

    fn update(&mut self) {
        let open: Vec<usize> = (0..self.variables.len())
            .filter(|place| !self.variables[*place].constant)
            .collect();
        if open.is_empty() {
            return;
        }
        let place = open[self.random.below(open.len())];
        let (kind, old) = (self.variables[place].kind, self.variables[place].value);
        let op = self
            .random
            .of(&["", "+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"]);
        let name = Term {
            text: self.variables[place].name.clone(),
            strength: ATOM,
            value: old,
        };
        let current = self.operand(op, &name);
        let result = |writer: &Self, term: &Term| {
            let value = if op.is_empty() {
                term.value
            } else {
                binary(op, current, writer.operand(op, term))?
            };
            value::assign(kind, value)
        };
        // Not all operators have a meaning for all types.
        for _ in 0..20 {
            let depth = self.random.below(3);
            let Ok(term) = self.term(depth) else { continue };
            if let Ok(value) = result(self, &term) {
                let name = &self.variables[place].name;
                writeln!(self.source, "{name} {op}= {};", term.text).unwrap();
                self.variables[place].value = value;
                return;
            }
        }
    }

    /// `a && b` where `b` has no value: it is not reached.
    fn guarded(&mut self) -> (Term, Vec<bool>) {
        let (op, decides) = self.random.of(&[("&&", false), ("||", true)]);
        let (left, ()) = self.some(|term| {
            let fits = value::truth(term.value) == decides;
            fits.then_some(()).ok_or(Failure::Value)
        });
        let (divided, ()) =
            self.some(|term| value::arithmetic("/", term.value, Value::Exact(1)).map(drop));
        let text = format!("({}) {op} ({}) / 0 == 1", left.text, divided.text);
        let strength = if decides { 1 } else { 2 };
        (
            Term {
                text,
                strength,
                value: Value::Bool(decides),
            },
            vec![decides],
        )
    }

    /// A register that holds what an expression gives; its bits, the lowest first.
    fn show(&mut self, number: usize) -> Vec<bool> {
        let (term, bits) = if self.random.below(12) == 0 {
            self.guarded()
        } else {
            self.some(|term| Ok(bits(term.value)))
        };
        let text = match term.value {
            Value::Bool(_) | Value::Bits { .. } => term.text,
            Value::Exact(_) => format!("bit[64](int[64]({}))", term.text),
            Value::Integer { width, .. } | Value::Angle { width, .. } => {
                format!("bit[{width}]({})", term.text)
            }
            Value::Float(value) => format!("{} == {value:?}", wrapped(&term, 8)),
        };
        writeln!(self.source, "bit[{}] o{number} = {text};", bits.len()).unwrap();
        bits
    }
}

fn mentions(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric())
        .any(|word| word == name)
}

fn bits(value: Value) -> Vec<bool> {
    let (width, value) = match value {
        Value::Bool(value) => (1, i128::from(value)),
        Value::Float(_) => (1, 1),
        Value::Exact(value) => (64, value),
        Value::Integer { width, value, .. }
        | Value::Bits { width, value }
        | Value::Angle { width, value } => (width, value),
    };
    (0..width).map(|place| value >> place & 1 == 1).collect()
}

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut random = Random(seed);
    let mut writer = Writer {
        random: &mut random,
        variables: Vec::new(),
        source: "OPENQASM 3.0;\n".into(),
    };
    for _ in 0..=writer.random.below(5) {
        writer.declare();
    }
    for _ in 0..writer.random.below(4) {
        writer.update();
    }
    let shown: Vec<Vec<bool>> = (0..2).map(|number| writer.show(number)).collect();
    // Registers of variables are part of the outcome.
    let declared = writer
        .variables
        .iter()
        .filter(|v| matches!(v.kind, Kind::Bits(_)) && !v.constant);
    let registers = declared.map(|variable| bits(variable.value)).chain(shown);
    let text = |bits: Vec<bool>| {
        bits.iter()
            .rev()
            .map(|bit| if *bit { '1' } else { '0' })
            .collect::<String>()
    };
    let mut texts: Vec<String> = registers.map(text).collect();
    texts.reverse();
    Program {
        source: writer.source,
        outcome: texts.join(" "),
    }
}
