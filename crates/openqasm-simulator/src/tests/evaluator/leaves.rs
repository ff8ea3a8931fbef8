//! Random literals, variables, elements and indices.

use crate::tests::evaluator::expressions::{Term, WIDTHS, Writer};
use crate::tests::evaluator::functions;
use crate::tests::evaluator::machine::{Location, range};
use crate::tests::evaluator::syntax::{Expr, Index};
use crate::tests::evaluator::value::{Complex, Failure, Kind, Result, Value, whole};
use std::f64::consts::PI;

fn literal(text: String, value: Value) -> Term {
    Term {
        expr: Expr::Literal(text, value),
        value,
    }
}

/// A whole number as a program writes it.
pub fn whole_number(value: i128) -> Expr {
    let size = value.abs();
    let literal = Expr::Literal(size.to_string(), Value::Exact(size));
    if value < 0 {
        Expr::Unary("-", Box::new(literal))
    } else {
        literal
    }
}

impl Writer {
    fn small(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "small")]
        let value = self.random.below(200) as f64 / 8.0;
        value
    }

    fn literal(&mut self) -> Term {
        let choice = match self.wanted {
            Some(Kind::Complex) if self.random.one_in(2) => 2,
            Some(Kind::Duration) if self.random.one_in(2) => 3,
            Some(Kind::Float(_) | Kind::Angle(_)) if self.random.one_in(2) => {
                4 + self.random.below(2)
            }
            _ => self.random.below(14),
        };
        match choice {
            0 => {
                let value = self.random.one_in(2);
                literal(value.to_string(), Value::Bool(value))
            }
            1 | 6 => {
                let width = self.random.of(&WIDTHS).min(32);
                let value = i128::from(self.random.next()) & ((1 << width) - 1);
                let text = format!("\"{value:0w$b}\"", w = width as usize);
                literal(text, Value::Bits { width, value })
            }
            2 => {
                let (re, im, rough) = (0.0, self.small(), false);
                literal(
                    format!("{im:?}im"),
                    Value::Complex(Complex { re, im, rough }),
                )
            }
            3 => self.duration(),
            4 => {
                let value = self.small();
                literal(format!("{value:?}"), Value::Float(value))
            }
            5 => self.part_of_a_turn(),
            7 => {
                let value = i128::from(self.random.next() >> (2 + self.random.below(61)));
                literal(format!("{value:#x}"), Value::Exact(value))
            }
            _ => {
                let value = self.random.between(0, 19);
                literal(value.to_string(), Value::Exact(value))
            }
        }
    }

    fn duration(&mut self) -> Term {
        let units = [
            ("ns", 1.0),
            ("dt", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
        ];
        let (unit, length) = self.random.of(&units);
        let amount = self.small();
        let text = if amount.fract() == 0.0 && self.random.one_in(2) {
            format!("{amount:.0}{unit}")
        } else {
            format!("{amount:?}{unit}")
        };
        literal(text, Value::Duration(amount * length))
    }

    /// `pi * 0.375`
    fn part_of_a_turn(&mut self) -> Term {
        #[allow(clippy::cast_precision_loss, reason = "small")]
        let part = self.random.below(129) as f64 / 64.0;
        let pi = literal("pi".into(), Value::Float(PI));
        let part_of = literal(format!("{part:?}"), Value::Float(part));
        Term {
            expr: Expr::Binary("*", Box::new((pi.expr, part_of.expr))),
            value: Value::Float(PI * part),
        }
    }

    /// A variable, an element of an array, or a literal.
    pub fn leaf(&mut self) -> Result<Term> {
        let bindings = &self.machine.bindings;
        if bindings.is_empty() || self.random.one_in(3) {
            return Ok(self.literal());
        }
        let binding = &bindings[self.random.below(bindings.len())];
        let name = binding.name.clone();
        let expr = match &binding.place {
            Location::Array(view) => {
                let sizes = view.sizes.clone();
                if self.random.one_in(6) {
                    let dimension = self.random.below(sizes.len());
                    let is_named = dimension > 0 || self.random.one_in(2);
                    Expr::SizeOf(name, is_named.then_some(dimension))
                } else {
                    Expr::Element {
                        array: name,
                        indices: self.indices(&sizes),
                        split: self.random.one_in(3),
                    }
                }
            }
            _ => Expr::Variable(name),
        };
        let value = self.machine.value(&expr)?;
        Ok(Term { expr, value })
    }

    pub fn indices(&mut self, sizes: &[usize]) -> Vec<Expr> {
        sizes.iter().map(|size| self.index(*size)).collect()
    }

    /// An index that has so many values, perhaps counted from the end.
    pub fn index(&mut self, size: usize) -> Expr {
        let size = size as i128;
        for _ in 0..4 {
            let Ok(term) = self.leaf_of_integers() else {
                continue;
            };
            if whole(term.value).is_ok_and(|value| (-size..size).contains(&value)) {
                return term.expr;
            }
        }
        whole_number(self.random.between(-size, size - 1))
    }

    /// A variable, or the remainder of one.
    fn leaf_of_integers(&mut self) -> Result<Term> {
        let wanted = self.wanted.take();
        let names = self.machine.bindings.iter();
        let names = names.filter(|it| {
            matches!(it.kind, Kind::Integer { .. }) && matches!(it.place, Location::Cell(_))
        });
        let names: Vec<String> = names.map(|it| it.name.clone()).collect();
        self.wanted = wanted;
        if names.is_empty() {
            return Err(Failure::Kind);
        }
        let variable = Expr::Variable(names[self.random.below(names.len())].clone());
        let op = self.random.of(&["", "%", "+", "-"]);
        let expr = if op.is_empty() {
            variable
        } else {
            let other = whole_number(self.random.between(1, 3));
            Expr::Binary(op, Box::new((variable, other)))
        };
        let value = self.machine.value(&expr)?;
        Ok(Term { expr, value })
    }

    /// Places of bits in a value of so many.
    pub fn bits_of(&mut self, width: u32) -> Result<Index> {
        let width = i128::from(width);
        match self.random.below(6) {
            0..=2 => Ok(Index::One(Box::new(
                self.index(usize::try_from(width).unwrap()),
            ))),
            3 | 4 => {
                // The text does not say what a range is whose ends have different signs.
                let from = if self.random.one_in(2) { -width } else { 0 };
                let first = self.random.between(from, from + width - 1);
                let last = self.random.between(from, from + width - 1);
                let step =
                    self.random
                        .of(&[None, None, Some(1), Some(2), Some(3), Some(-1), Some(-2)]);
                let places = range(first, step.unwrap_or(1), last);
                are_distinct(&places, width)?;
                Ok(Index::Range { first, step, last })
            }
            _ => {
                let count = 1 + self.random.below(3);
                let places: Vec<i128> = (0..count)
                    .map(|_| self.random.between(-width, width - 1))
                    .collect();
                are_distinct(&places, width)?;
                Ok(Index::Set(places))
            }
        }
    }
}

fn are_distinct(places: &[i128], width: i128) -> Result<()> {
    let wrapped: Result<Vec<i128>> = places
        .iter()
        .map(|place| functions::wrapped(*place, width))
        .collect();
    let mut wrapped = wrapped?;
    wrapped.sort_unstable();
    wrapped.dedup();
    if wrapped.len() == places.len() && !places.is_empty() {
        Ok(())
    } else {
        Err(Failure::Value)
    }
}
