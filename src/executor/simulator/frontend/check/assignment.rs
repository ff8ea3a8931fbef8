//! Assignments and measurements.

use super::super::super::arithmetic::{self, BinaryOp};
use super::super::super::error::{Diagnostic, quoted};
use super::super::super::program::{Action, Expr, Operand, RegisterSlot};
use super::super::super::value::Type;
use super::super::ast::{Name, Reference, Source};
use super::expression::{Typed, sample_of};
use super::scope::Symbol;
use super::{Checked, Checker};
use std::collections::HashSet;

impl<'s> Checker<'s> {
    pub(super) fn assign(
        &mut self,
        target: &Reference<'s>,
        op: Option<BinaryOp>,
        value: &Source<'s>,
        at: u32,
    ) -> Checked<()> {
        let name = target.name;
        match (self.lookup_target(name)?, value) {
            (Symbol::Bits(_), Source::Measure(source)) => {
                if op.is_some() {
                    return Err(Diagnostic::new(at, "a measurement is assigned with `=`"));
                }
                let target = self.bits(target)?;
                self.measure_into(source, target, at)
            }
            (Symbol::Bits(_), Source::Value(value)) => {
                let target = self.bits(target)?;
                let ty = Type::Bits(target.len());
                let typed = self.expression(value)?;
                let typed = Self::combine(op, Self::bits_value(target.clone()), typed, at)?;
                let value = Self::fit(typed, ty, value.at)?.expr;
                self.emit(Action::SetBits { target, value }, at)
            }
            (Symbol::Variable { slot, ty }, Source::Value(value)) if target.index.is_none() => {
                let typed = self.expression(value)?;
                let current = Typed {
                    expr: Expr::Variable(slot),
                    sample: sample_of(ty),
                };
                let typed = Self::combine(op, current, typed, at)?;
                let value = Self::fit(typed, ty, value.at)?.expr;
                self.emit(Action::SetVariable { slot, ty, value }, at)
            }
            (Symbol::Variable { .. }, Source::Value(_)) => Err(Diagnostic::new(
                at,
                format!(
                    "{} has no elements: an index into it is not supported",
                    quoted(name.text)
                ),
            )),
            (other, Source::Value(_)) => Err(Diagnostic::new(
                at,
                format!(
                    "cannot assign to {}: it is {}",
                    quoted(name.text),
                    other.kind()
                ),
            )),
            (other, Source::Measure(_)) => Err(Diagnostic::new(
                at,
                format!(
                    "cannot measure into {}: it is {}; expected classical bits",
                    quoted(name.text),
                    other.kind()
                ),
            )),
        }
    }

    fn lookup_target(&self, name: Name<'s>) -> Checked<Symbol> {
        if name.text.starts_with('$') {
            return Err(Diagnostic::new(name.at, "cannot assign to a qubit"));
        }
        self.lookup(name)
    }

    /// The right-hand side of `+=` and its like.
    fn combine(op: Option<BinaryOp>, current: Typed, value: Typed, at: u32) -> Checked<Typed> {
        let Some(op) = op else {
            return Ok(value);
        };
        let sample = arithmetic::binary(op, current.sample, value.sample)
            .map_err(|error| Diagnostic::new(at, error.message()))?;
        Ok(Typed {
            expr: Expr::Binary(op, Box::new((current.expr, value.expr)), at),
            sample,
        })
    }

    pub(super) fn measure(
        &mut self,
        source: &Reference<'s>,
        target: Option<&Reference<'s>>,
        at: u32,
    ) -> Checked<()> {
        match target {
            Some(target) => {
                let target = self.bits(target)?;
                self.measure_into(source, target, at)
            }
            None => self.measure_implicitly(source, at),
        }
    }

    pub(super) fn measure_into(
        &mut self,
        source: &Reference<'s>,
        target: Operand,
        at: u32,
    ) -> Checked<()> {
        let source = self.qubits(source)?;
        if source.len() != target.len() {
            return Err(Diagnostic::new(
                at,
                format!(
                    "cannot measure {} qubit(s) into {} bit(s)",
                    source.len(),
                    target.len()
                ),
            ));
        }
        self.emit(Action::Measure { source, target }, at)
    }

    /// `measure q;`: the outcome goes to a register of its own for each measured register.
    fn measure_implicitly(&mut self, source: &Reference<'s>, at: u32) -> Checked<()> {
        if !self.loops.is_empty() {
            return Err(Diagnostic::new(
                at,
                "a measurement in a loop needs a target, such as `c[0] = measure q;`",
            ));
        }
        let name = source.name;
        let source = self.qubits(source)?;
        let target = self.new_bits(source.len(), at)?;
        self.extend_implicit(name.text, &target);
        self.emit(Action::Measure { source, target }, at)
    }

    fn extend_implicit(&mut self, key: &'s str, target: &Operand) {
        let Operand::Range { first, len } = *target else {
            return;
        };
        // Physical qubits share one register, as if they were elements of one.
        let key = if key.starts_with('$') { "$" } else { key };
        let index = *self.implicit.entry(key).or_insert_with(|| {
            self.registers.push(RegisterSlot {
                name: String::new(),
                parts: Vec::new(),
                len: 0,
            });
            self.registers.len() - 1
        });
        if let Some(register) = self.registers.get_mut(index) {
            register.parts.push((first, len));
            register.len += len;
        }
    }

    /// A program without any measurement measures all its qubits at its end, as Qiskit's
    /// `measure_all` does.
    pub(super) fn measure_everything(&mut self) -> Checked<()> {
        if self.qubits == 0 {
            return Ok(());
        }
        let mut physical: Vec<(u64, u32)> = self
            .physical
            .iter()
            .map(|(name, qubit)| {
                (
                    name.trim_start_matches('$').parse().unwrap_or(u64::MAX),
                    *qubit,
                )
            })
            .collect();
        physical.sort_unstable();
        let numbered: HashSet<u32> = physical.iter().map(|(_, qubit)| *qubit).collect();
        let mut order: Vec<u32> = (0..self.qubits).collect();
        order.retain(|qubit| !numbered.contains(qubit));
        order.extend(physical.iter().map(|(_, qubit)| *qubit));
        let target = self.new_bits(self.qubits, 0)?;
        self.extend_implicit("", &target);
        let source = Operand::List(order.into());
        self.emit(Action::Measure { source, target }, 0)
    }

    /// Names the implicit registers: `meas`, then `meas1` and so on, avoiding declared names.
    pub(super) fn name_implicit(&mut self) {
        let mut number = 0;
        for index in 0..self.registers.len() {
            while self
                .registers
                .get(index)
                .is_some_and(|register| register.name.is_empty())
            {
                let name = if number == 0 {
                    "meas".to_owned()
                } else {
                    format!("meas{number}")
                };
                number += 1;
                let taken = self
                    .scopes
                    .first()
                    .is_some_and(|scope| scope.contains_key(name.as_str()));
                if let Some(register) = self.registers.get_mut(index)
                    && !taken
                {
                    register.name = name;
                }
            }
        }
    }
}
