//! Assignments and measurements.

use crate::error::{Diagnostic, counted, quoted};
use crate::ir::operator::BinaryOp;
use crate::ir::program::{Action, Expr, Operand, RegisterSlot};
use crate::ir::value::{Type, Value};
use crate::sema::control::{LoopFrame, UNKNOWN};
use crate::sema::element::Cell;
use crate::sema::expression::Typed;
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, Index, Name, Reference, Source};
use std::collections::HashSet;

impl<'s> Checker<'s> {
    pub(crate) fn assign(
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
                let bits = self.bits(target)?;
                if self.set_wide_bits(&bits, op, value, at)? {
                    return Ok(());
                }
                let current = Self::bits_value(bits.clone());
                let current = self.computing(target, current, at);
                let typed = self.source_of(op, value)?;
                let typed = self.updated(op, current, typed, at)?;
                self.set_bits(bits, typed, value.at, at)
            }
            (Symbol::Variable { slot, ty }, _) => {
                let indices: Vec<&Index> = target.indices().collect();
                self.assign_cell(Cell::Variable(slot), ty, name, &indices, (op, value), at)
            }
            (Symbol::Array(array), _) => self.assign_array(&array, target, (op, value), at),
            (other, Source::Value(_)) => Err(Diagnostic::new(
                at,
                format!(
                    "cannot assign to {}: it is {}",
                    quoted(name.text),
                    other.kind()
                ),
            )),
            (other, Source::Measure(_)) => Err(Diagnostic::new(
                name.at,
                format!(
                    "cannot measure into {}: it is {}; expected classical bits",
                    quoted(name.text),
                    other.kind()
                ),
            )),
        }
    }

    /// Assigns the value of an expression to newly declared bits.
    pub(crate) fn initial_bits(
        &mut self,
        target: Operand,
        value: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<()> {
        if self.set_wide_bits(&target, None, value, at)? {
            return Ok(());
        }
        let typed = self.expression(value)?;
        self.set_bits(target, typed, value.at, at)
    }

    /// Assigns a value to bits. Bits are copied as they are, whether decided or not.
    pub(crate) fn set_bits(
        &mut self,
        target: Operand,
        typed: Typed,
        value_at: u32,
        at: u32,
    ) -> Checked<()> {
        let typed = Self::fit(typed, Type::Bits(target.len()), value_at)?;
        match typed.expr {
            Expr::Bits(source) if source.len() == target.len() => {
                self.emit(Action::CopyBits { source, target }, at)
            }
            value => self.emit(Action::SetBits { target, value }, at),
        }
    }

    /// Assigns a value to a variable or an element of an array, or to some of its bits.
    pub(crate) fn assign_cell(
        &mut self,
        cell: Cell,
        ty: Type,
        name: Name<'s>,
        indices: &[&Index<'s>],
        (op, source): (Option<BinaryOp>, &Source<'s>),
        at: u32,
    ) -> Checked<()> {
        let positions = self.positions(ty.bits(), indices, name)?;
        let (typed, value_at) = match source {
            Source::Value(value) => (self.source_of(op, value)?, value.at),
            Source::Measure(_) if op.is_some() => {
                return Err(Diagnostic::new(at, "a measurement is assigned with `=`"));
            }
            Source::Measure(source) => (self.outcome(source, at)?, source.name.at),
        };
        let whole = cell.value(ty);
        let value = match positions {
            None => {
                let typed = self.updated(op, whole, typed, at)?;
                Self::fit(typed, ty, value_at)?.expr
            }
            Some((positions, width)) => {
                let base = whole.expr.clone();
                let part = Typed::selected(whole.expr, positions.clone(), width);
                let typed = self.updated(op, part, typed, at)?;
                let typed = Self::fit(typed, Type::Bits(positions.len()), value_at)?;
                Expr::Insert(Box::new((base, typed.expr)), positions, ty, at)
            }
        };
        let action = match cell {
            Cell::Variable(slot) => Action::SetVariable { slot, ty, value },
            Cell::Element(element) => Action::SetElement { element, ty, value },
        };
        self.emit(action, at)
    }

    fn lookup_target(&self, name: Name<'s>) -> Checked<Symbol> {
        if name.text.starts_with('$') {
            return Err(Diagnostic::new(name.at, "cannot assign to a qubit"));
        }
        let symbol = self.lookup(name)?;
        // An input is a constant, also while its value is not known.
        Ok(if self.is_open_input(name) {
            Symbol::Constant(Value::Int(0), Type::Int(64))
        } else {
            symbol
        })
    }

    /// The assigned value; for `+=` and its like, the operand that is combined with the current value.
    fn source_of(&mut self, op: Option<BinaryOp>, value: &ast::Expr<'s>) -> Checked<Typed> {
        match op {
            Some(_) => self.computing_operand(value),
            None => self.expression(value),
        }
    }

    /// The new value; for `+=` and its like, the current value combined with the operand.
    fn updated(
        &self,
        op: Option<BinaryOp>,
        current: Typed,
        value: Typed,
        at: u32,
    ) -> Checked<Typed> {
        match op {
            Some(op) => self.combine(op, current, value, at),
            None => Ok(value),
        }
    }

    pub(crate) fn measure_into(
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
                    "cannot measure {} into {}",
                    counted(source.len(), "qubit"),
                    counted(target.len(), "bit")
                ),
            ));
        }
        self.emit(Action::Measure { source, target }, at)
    }

    /// `measure q;`: the outcome is stored in a separate register for each measured register.
    pub(crate) fn measure_implicitly(&mut self, source: &Reference<'s>, at: u32) -> Checked<()> {
        let around = self.calls.iter().map(|frame| &frame.loops);
        // The turns of an unrolled loop are known.
        let turns = |loops: &Vec<LoopFrame>| loops.iter().any(|frame| frame.again != UNKNOWN);
        if around.chain([&self.loops]).any(turns) {
            return Err(Diagnostic::new(
                at,
                "a measurement in a loop needs a target, such as `c[0] = measure q;`, unless the loop runs over constants",
            ));
        }
        let name = source.name;
        let source = self.qubits(source)?;
        let target = self.lasting_bits(source.len(), at)?;
        if !self.is_rehearsal() {
            self.extend_implicit(name.text, &target);
        }
        self.emit(Action::Measure { source, target }, at)
    }

    fn extend_implicit(&mut self, key: &'s str, target: &Operand) {
        let Operand::Range { first, len } = *target else {
            return;
        };
        // Physical qubits share one register, as if they were its elements.
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
    pub(crate) fn measure_everything(&mut self) -> Checked<()> {
        if self.qubits == 0 {
            return Ok(());
        }
        let target = self.new_bits(self.qubits, 0)?;
        self.extend_implicit("", &target);
        let source = Operand::List(self.order().into());
        self.emit(Action::Measure { source, target }, 0)
    }

    /// All qubits as results list them: those declared in the order of declaration, then the
    /// physical ones by number.
    pub(crate) fn order(&self) -> Vec<u32> {
        let number = |name: &str| name.trim_start_matches('$').parse().unwrap_or(u64::MAX);
        let physical = self.physical.iter();
        let mut physical: Vec<(u64, u32)> = physical
            .map(|(name, qubit)| (number(name), *qubit))
            .collect();
        physical.sort_unstable();
        let numbered: HashSet<u32> = physical.iter().map(|(_, qubit)| *qubit).collect();
        let mut order: Vec<u32> = (0..self.qubits).collect();
        order.retain(|qubit| !numbered.contains(qubit));
        order.extend(physical.iter().map(|(_, qubit)| *qubit));
        order
    }

    /// Names the implicit registers: `meas`, then `meas1` and so on, avoiding declared names.
    pub(crate) fn name_implicit(&mut self) {
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
