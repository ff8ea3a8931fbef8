//! Partially known classical memory: outcomes and inputs without a value are unknown.

use crate::exec::evaluate::Memory;
use crate::ir::program::{
    Action, Domain, Element, Expr, LoopNext, Open, Operand, Program, Step, Wide,
};
use crate::ir::value::Value;
use crate::run_error::Running;
use std::cell::Cell;

/// Variables and bits, and which of them are known.
pub(crate) struct Known {
    pub memory: Memory,
    variables: Vec<bool>,
    bits: Vec<bool>,
    /// Parts of expressions and bits visited since the last query.
    looked_at: Cell<u64>,
}

impl Known {
    /// Memory at the start of a run.
    pub(crate) fn new(program: &Program) -> Self {
        let mut known = Self {
            memory: Memory::new(program.variables, program.bits),
            variables: vec![true; program.variables],
            bits: vec![true; program.bits as usize],
            looked_at: Cell::new(0),
        };
        for input in &program.inputs {
            match &input.open {
                Some(Open::Variables { first, count }) => known.forget_variables(*first, *count),
                Some(Open::Bits(bits)) => known.forget_bits(bits),
                None => {}
            }
        }
        known
    }

    /// The value of an expression, if all its operands are known.
    pub(crate) fn value(&self, expr: &Expr) -> Option<Running<Value>> {
        self.is_known(expr).then(|| self.memory.evaluate(expr, &[]))
    }

    /// The number of one element of an operand, if it is known.
    pub(crate) fn element(&self, operand: &Operand, place: u32) -> Option<Running<u32>> {
        self.is_placed(operand)
            .then(|| self.memory.element(operand, place))
    }

    /// Returns and resets the number of visited parts of expressions and bits.
    pub(crate) fn looked_at(&self) -> u64 {
        self.looked_at.take()
    }

    fn look_at(&self, parts: u32) {
        self.looked_at.set(self.looked_at.get() + u64::from(parts));
    }

    fn is_known(&self, expr: &Expr) -> bool {
        self.look_at(1);
        match expr {
            Expr::Constant(_) | Expr::Parameter(_) => true,
            Expr::Variable(slot) => self.has_variable(*slot),
            Expr::Bits(operand) => self.has_bits(operand),
            Expr::Unary(_, operand, _) | Expr::Cast(_, operand, _) => self.is_known(operand),
            Expr::CompareBits(_, sides, _) => {
                self.has_bits(&sides.0)
                    && match &sides.1 {
                        Wide::Bits(operand) => self.has_bits(operand),
                        Wide::Value(value) => self.is_known(value),
                    }
            }
            Expr::Binary(_, sides, _) => self.is_known(&sides.0) && self.is_known(&sides.1),
            Expr::Call(_, arguments, _) => arguments.iter().all(|argument| self.is_known(argument)),
            Expr::Element(element) => {
                self.is_element_placed(element)
                    // The evaluation reports a wrong index.
                    && (self.memory.slot(element)).map_or(true, |slot| self.has_variable(slot))
            }
            Expr::Select(value, positions, _) => self.is_known(value) && self.is_placed(positions),
            Expr::Insert(values, positions, ..) => {
                self.is_known(&values.0) && self.is_known(&values.1) && self.is_placed(positions)
            }
        }
    }

    /// Whether the elements that an operand stands for are known.
    pub(crate) fn is_placed(&self, operand: &Operand) -> bool {
        match operand {
            Operand::At { of, index, .. } => self.is_placed(of) && self.is_known(index),
            _ => true,
        }
    }

    pub(crate) fn is_element_placed(&self, element: &Element) -> bool {
        let mut indices = element.indices.iter();
        indices.all(|index| self.is_known(&index.value))
    }

    pub(crate) fn has_variable(&self, slot: usize) -> bool {
        self.variables.get(slot).copied().unwrap_or(false)
    }

    pub(crate) fn has_bit(&self, bit: u32) -> bool {
        self.bits.get(bit as usize).copied().unwrap_or(false)
    }

    fn has_bits(&self, operand: &Operand) -> bool {
        self.look_at(operand.len());
        match operand {
            Operand::At { .. } => match self.element(operand, 0) {
                Some(Ok(bit)) => self.has_bit(bit),
                // The run reports the mistake.
                Some(Err(_)) => true,
                None => false,
            },
            known => known.known().all(|bit| self.has_bit(bit)),
        }
    }

    pub(crate) fn set_variable(&mut self, slot: usize, value: Option<Value>) {
        if let Some(known) = self.variables.get_mut(slot) {
            *known = value.is_some();
        }
        if let Some(value) = value {
            self.memory.set_variable(slot, value);
        }
    }

    pub(crate) fn set_bit(&mut self, bit: u32, value: Option<bool>) {
        if let Some(known) = self.bits.get_mut(bit as usize) {
            *known = value.is_some();
        }
        self.memory.set_bit(bit, value.unwrap_or(false));
    }

    pub(crate) fn copy_variables(&mut self, from: usize, to: usize, count: usize) {
        self.memory.copy_variables(from, to, count);
        let len = self.variables.len();
        if from.saturating_add(count) <= len && to.saturating_add(count) <= len {
            self.variables.copy_within(from..from + count, to);
        }
    }

    fn forget_variables(&mut self, first: usize, count: usize) {
        let end = first.saturating_add(count).min(self.variables.len());
        if let Some(known) = self.variables.get_mut(first..end) {
            known.fill(false);
        }
    }

    /// All elements that the operand may stand for.
    pub(crate) fn forget_bits(&mut self, operand: &Operand) {
        for bit in whole(operand).known() {
            self.set_bit(bit, None);
        }
    }

    /// Visits all elements that the element may be; returns their number.
    pub(crate) fn forget_elements(&mut self, element: &Element) -> usize {
        let (mut first, mut count) = (element.first, 1);
        for index in &element.indices {
            let reach = (index.size as usize).saturating_sub(1) * index.stride.unsigned_abs();
            count += reach;
            if index.stride < 0 {
                first = first.saturating_sub(reach);
            }
        }
        self.forget_variables(first, count);
        count
    }

    /// Marks everything that the step may change as unknown; returns how much that is.
    pub(crate) fn forget(&mut self, step: &Step) -> u64 {
        let (first, count) = match &step.action {
            Action::Measure { target, .. }
            | Action::SetBits { target, .. }
            | Action::CopyBits { target, .. } => {
                self.forget_bits(target);
                return u64::from(whole(target).len());
            }
            Action::SetElement { element, .. } => {
                return self.forget_elements(element) as u64 / 16;
            }
            Action::SetVariable { slot, .. } => (*slot, 1),
            Action::Fill { first, count, .. } => (*first, *count),
            Action::CopyVariables { to, count, .. } => (*to, *count),
            Action::LoopStart(start) => (start.state, 3),
            Action::LoopNext(next) => (next.variable, 1),
            Action::Gate(_)
            | Action::Reset(_)
            | Action::Barrier(_)
            | Action::Jump(_)
            | Action::Unless { .. } => return 0,
        };
        self.forget_variables(first, count);
        count as u64 / 16
    }

    /// Whether a loop whose remaining turns are known has another one, and its value as far as it is known.
    pub(crate) fn next_turn(&mut self, next: &LoopNext) -> (bool, Option<Running<Value>>) {
        let hidden = |offset| match self.memory.variable(next.state + offset) {
            Value::Int(value) => value,
            _ => 0,
        };
        let (current, left, step) = (hidden(0), hidden(1), hidden(2));
        if left <= 0 {
            return (false, None);
        }
        let value = match &next.domain {
            Domain::Range(_) => Some(Ok(Value::Int(current))),
            Domain::Values(values) => {
                let place = usize::try_from(current).ok();
                let expr = place.and_then(|place| values.get(place));
                expr.and_then(|expr| self.value(expr))
            }
        };
        let following = Value::Int(current.saturating_add(step));
        self.memory.set_variable(next.state, following);
        self.memory
            .set_variable(next.state + 1, Value::Int(left - 1));
        (true, value)
    }
}

/// The register that an operand is taken from, if the part of it is not known.
pub(crate) fn whole(operand: &Operand) -> &Operand {
    let mut whole = operand;
    while let Operand::At { of, .. } = whole {
        whole = of;
    }
    whole
}
