//! Random expressions that have a value.

use crate::tests::evaluator::cast::{assign, cast};
use crate::tests::evaluator::functions::{self, FUNCTIONS};
use crate::tests::evaluator::machine::{Location, Machine};
use crate::tests::evaluator::operators::{binary, unary};
use crate::tests::evaluator::random::Random;
use crate::tests::evaluator::syntax::{Argument, Expr, Index, Parameter, Part};
use crate::tests::evaluator::text::OPERATORS;
use crate::tests::evaluator::value::{Failure, Kind, Result, Value, truth};

pub const WIDTHS: [u32; 11] = [1, 2, 3, 4, 5, 8, 13, 16, 31, 32, 64];
/// Attempts at an expression of a type that few expressions have.
const ATTEMPTS: usize = 300;

/// An expression and its value.
pub struct Term {
    pub expr: Expr,
    pub value: Value,
}

pub struct Writer {
    pub random: Random,
    pub machine: Machine,
    pub names: usize,
    /// The type that the expression under way should have.
    pub wanted: Option<Kind>,
    /// Loops around the statement under way.
    pub loops: usize,
}

impl Writer {
    pub fn name(&mut self, letter: char) -> String {
        self.names += 1;
        format!("{letter}{}", self.names)
    }

    pub fn kind(&mut self) -> Kind {
        let width = self.random.of(&WIDTHS);
        match self.random.below(14) {
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
            8 | 9 => Kind::Angle(width.max(2)),
            10 => Kind::Float(self.random.of(&[64, 64, 32])),
            11 | 12 => Kind::Complex,
            _ => Kind::Duration,
        }
    }

    pub fn term(&mut self, depth: usize) -> Result<Term> {
        let term = self.any_term(depth)?;
        match term.value {
            Value::Exact(value) if value.abs() >= 1 << 62 => Err(Failure::Value),
            _ => Ok(term),
        }
    }

    fn any_term(&mut self, depth: usize) -> Result<Term> {
        if depth == 0 {
            return self.leaf();
        }
        let inner = self.random.below(depth);
        match self.random.below(16) {
            0 | 1 => {
                let (op, operand) = (self.random.of(&["-", "!", "~"]), self.term(inner)?);
                let value = unary(op, self.operand(op, &operand))?;
                let expr = Expr::Unary(op, Box::new(operand.expr));
                Ok(Term { expr, value })
            }
            2 | 3 => {
                let kind = match self.wanted {
                    Some(kind) if self.random.one_in(2) => kind,
                    _ => self.kind(),
                };
                let operand = self.term(inner)?;
                let value = cast(kind, operand.value)?;
                let expr = Expr::Cast(kind, Box::new(operand.expr));
                Ok(Term { expr, value })
            }
            4 | 5 => self.selected(inner),
            6 => self.called(inner),
            7 => self.is_in(inner),
            8 => {
                let (name, arguments) = self.invocation(true)?;
                let expr = Expr::Invoke(name, arguments);
                let value = self.machine.clone().value(&expr)?;
                Ok(Term { expr, value })
            }
            _ => {
                let (op, _) = self.random.of(&OPERATORS);
                let (left, right) = (self.term(inner)?, self.term(inner)?);
                let value = binary(op, self.operand(op, &left), self.operand(op, &right))?;
                let expr = Expr::Binary(op, Box::new((left.expr, right.expr)));
                Ok(Term { expr, value })
            }
        }
    }

    fn operand(&self, op: &str, term: &Term) -> Value {
        self.machine.operand(op, &term.expr, term.value)
    }

    fn selected(&mut self, depth: usize) -> Result<Term> {
        let operand = self.term(depth)?;
        let (Value::Integer { width, .. } | Value::Bits { width, .. } | Value::Angle { width, .. }) =
            operand.value
        else {
            return Err(Failure::Kind);
        };
        let index = self.bits_of(width)?;
        let value = functions::select(operand.value, &self.machine.places(&index)?)?;
        let expr = Expr::Select(Box::new(operand.expr), index);
        Ok(Term { expr, value })
    }

    fn called(&mut self, depth: usize) -> Result<Term> {
        let (function, arity) = self.random.of(&FUNCTIONS);
        let arguments: Result<Vec<Term>> = (0..arity).map(|_| self.term(depth)).collect();
        let arguments = arguments?;
        let values: Vec<Value> = arguments.iter().map(|term| term.value).collect();
        let value = functions::call(function, &values)?;
        let arguments = arguments.into_iter().map(|term| term.expr).collect();
        let expr = Expr::Call(function, arguments);
        Ok(Term { expr, value })
    }

    fn is_in(&mut self, depth: usize) -> Result<Term> {
        let one = self.whole_term(depth)?;
        let set: Result<Vec<Expr>> = (0..=self.random.below(3))
            .map(|_| self.whole_term(depth).map(|term| term.expr))
            .collect();
        let expr = Expr::In(Box::new(one.expr), set?);
        let value = self.machine.value(&expr)?;
        Ok(Term { expr, value })
    }

    fn whole_term(&mut self, depth: usize) -> Result<Term> {
        let term = self.term(depth)?;
        match term.value {
            Value::Exact(_) | Value::Integer { .. } => Ok(term),
            _ => Err(Failure::Kind),
        }
    }

    /// A call of a subroutine, of one that changes no arrays and has a result where it is `pure`.
    pub fn invocation(&mut self, pure: bool) -> Result<(String, Vec<Argument>)> {
        let all = &self.machine.subroutines;
        if all.is_empty() {
            return Err(Failure::Kind);
        }
        let subroutine = all[self.random.below(all.len())].clone();
        let mutable = |it: &Parameter| it.array.as_ref().is_some_and(|array| array.mutable);
        if pure && (subroutine.result.is_none() || subroutine.parameters.iter().any(mutable)) {
            return Err(Failure::Kind);
        }
        let arguments: Result<Vec<Argument>> = subroutine
            .parameters
            .iter()
            .map(|it| self.argument(it))
            .collect();
        let arguments = arguments?;
        let mut passed = Vec::new();
        for argument in &arguments {
            if let Argument::Array(part) = argument {
                passed.extend(self.machine.part(part)?.0.cells);
            }
        }
        let count = passed.len();
        passed.sort_unstable();
        passed.dedup();
        // The text does not say what overlapping arrays do.
        if passed.len() < count && subroutine.parameters.iter().any(mutable) {
            return Err(Failure::Kind);
        }
        Ok((subroutine.name, arguments))
    }

    fn argument(&mut self, parameter: &Parameter) -> Result<Argument> {
        if parameter.array.is_none() {
            let (kind, outer) = (parameter.kind, self.wanted.replace(parameter.kind));
            let found = (0..20).find_map(|_| {
                let term = {
                    let depth = self.random.below(2);
                    self.term(depth).ok()?
                };
                assign(kind, term.value).ok().map(|_| term.expr)
            });
            self.wanted = outer;
            return found.map(Argument::Value).ok_or(Failure::Kind);
        }
        self.part().map(Argument::Array)
    }

    /// An array of those that there are, or a part of it.
    pub fn part(&mut self) -> Result<Part> {
        let bindings = self.machine.bindings.iter();
        let arrays = bindings.filter(|it| matches!(it.place, Location::Array(_)));
        let names: Vec<String> = arrays.map(|it| it.name.clone()).collect();
        if names.is_empty() {
            return Err(Failure::Kind);
        }
        let array = names[self.random.below(names.len())].clone();
        let sizes = self.machine.view(&array)?.0.sizes.clone();
        let depth = if self.random.one_in(2) {
            0
        } else {
            self.random.below(sizes.len())
        };
        let mut index = |size: usize| {
            let size = size as i128;
            self.random.between(-size, size - 1)
        };
        let indices = sizes[..depth].iter().map(|size| index(*size)).collect();
        let size = sizes[depth];
        let range = (index(size), index(size));
        let part = Part {
            array,
            indices,
            range: self.random.one_in(3).then_some(range),
        };
        self.machine.part(&part).map(|_| part)
    }

    /// An expression that has a value, of which `accept` makes what is wanted.
    pub fn some<T>(&mut self, mut accept: impl FnMut(&Term) -> Result<T>) -> Result<(Expr, T)> {
        for _ in 0..ATTEMPTS {
            let depth = self.random.below(5);
            let Ok(term) = self.term(depth) else { continue };
            if let Ok(accepted) = accept(&term) {
                return Ok((term.expr, accepted));
            }
        }
        Err(Failure::Kind)
    }

    /// An expression that can be assigned to a variable of that type.
    pub fn some_of(&mut self, kind: Kind) -> Result<(Expr, Value)> {
        let outer = self.wanted.replace(kind);
        let found = self.some(|term| assign(kind, term.value));
        self.wanted = outer;
        found
    }

    pub fn condition(&mut self) -> Result<Expr> {
        let outer = self.wanted.replace(Kind::Bool);
        let found = self.some(|term| truth(term.value));
        self.wanted = outer;
        Ok(found?.0)
    }

    /// Whether a value is known before the program runs.
    pub fn is_constant(&self, expr: &Expr) -> bool {
        let all = |items: &[Expr]| items.iter().all(|item| self.is_constant(item));
        match expr {
            Expr::Literal(..) => true,
            Expr::Variable(name) => self.machine.binding(name).is_ok_and(|it| it.constant),
            Expr::Unary(_, operand) | Expr::Cast(_, operand) => self.is_constant(operand),
            Expr::Binary(_, sides) => self.is_constant(&sides.0) && self.is_constant(&sides.1),
            Expr::Select(operand, index) => {
                self.is_constant(operand)
                    && match index {
                        Index::One(place) => self.is_constant(place),
                        _ => true,
                    }
            }
            Expr::Call(_, arguments) => all(arguments),
            Expr::In(value, set) => self.is_constant(value) && all(set),
            Expr::Element { .. } | Expr::SizeOf(..) | Expr::Invoke(..) => false,
        }
    }
}
