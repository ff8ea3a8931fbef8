//! The effect of single steps on known values, counts and depth.

use crate::analysis::known::whole;
use crate::analysis::label::label;
use crate::analysis::{Interpreter, MAX_WORK, Touched};
use crate::exec::evaluate::located;
use crate::exec::loops;
use crate::ir::gates::{Base, Builtin};
use crate::ir::program::{
    Action, Domain, Expr, GateCall, GateRef, LoopNext, LoopStart, Operand, Step,
};
use crate::ir::value::{Type, Value};
use crate::run_error::{RunError, Running};

impl Interpreter<'_> {
    pub(crate) fn effect(&mut self, step: &Step) -> Running<()> {
        match &step.action {
            Action::Gate(call) => self.gate(call, step.at),
            Action::Measure { source, target } => self.measure(source, target),
            Action::Reset(operand) => {
                self.found.resets += u64::from(operand.len());
                self.each(operand, |interpreter, wires| {
                    interpreter.levels.join(wires, 1);
                })
            }
            Action::Barrier(operands) => self.barrier(operands),
            Action::SetVariable { slot, ty, value } => {
                let value = self.computed(value, *ty, step.at)?;
                self.known.set_variable(*slot, value);
                Ok(())
            }
            Action::SetElement { element, ty, value } => {
                let value = self.computed(value, *ty, step.at)?;
                let placed = self.known.is_element_placed(element);
                for index in element.indices.iter().filter(|_| !placed) {
                    self.doubt_index(&index.value, index.size);
                }
                let slot = placed.then(|| self.known.memory.slot(element));
                if let Some(slot) = self.sure(slot)? {
                    self.known.set_variable(slot, value);
                } else {
                    let forgotten = self.known.forget_elements(element);
                    self.spend(forgotten as u64 / 16)?;
                }
                Ok(())
            }
            Action::Fill {
                first,
                count,
                value,
            } => {
                self.spend(*count as u64)?;
                (0..*count).for_each(|place| self.known.set_variable(first + place, Some(*value)));
                Ok(())
            }
            Action::CopyVariables { from, to, count } => {
                self.spend(*count as u64)?;
                self.known.copy_variables(*from, *to, *count);
                Ok(())
            }
            Action::SetBits { target, value } => {
                let ty = Type::Bits(target.len());
                let value = self.computed(value, ty, step.at)?;
                self.doubt_place(target);
                self.set_bits(target, value)
            }
            Action::CopyBits { source, target } => {
                self.doubt_place(source);
                self.doubt_place(target);
                self.copy_bits(source, target)
            }
            Action::LoopStart(start) => self.loop_start(start, step.at),
            // These move the position of the analysis.
            Action::Jump(_) | Action::Unless { .. } | Action::LoopNext(_) => Ok(()),
        }
    }

    /// The value of an expression, converted to that type.
    fn computed(&self, expr: &Expr, ty: Type, at: u32) -> Running<Option<Value>> {
        let value = self.value(expr)?;
        if value.is_none() {
            self.doubt_assignment(expr, ty);
        }
        self.assigned(value, ty, at)
    }

    fn assigned(&self, value: Option<Value>, ty: Type, at: u32) -> Running<Option<Value>> {
        self.sure(value.map(|value| located(value.assign_to(ty), at)))
    }

    fn gate(&mut self, call: &GateCall, at: u32) -> Running<()> {
        let times = call.operands.iter().map(Operand::len).max().unwrap_or(1);
        self.count_gate(at, u64::from(times), call.operands.len());
        for value in call.parameters.iter().chain(&call.powers) {
            self.value(value)?;
        }
        let placed = call
            .operands
            .iter()
            .all(|operand| self.known.is_placed(operand));
        let swaps = matches!(
            call.gate,
            GateRef::Builtin(Builtin {
                base: Base::Swap,
                controls: 0
            })
        ) && call.controls.is_empty()
            && call.powers.is_empty();
        let mut wires = Vec::with_capacity(call.operands.len());
        for round in 0..times {
            self.spend(call.operands.len() as u64)?;
            wires.clear();
            for operand in &call.operands {
                let place = if operand.len() == 1 { 0 } else { round };
                self.wires(operand, place, &mut wires)?;
            }
            if is_twice(call, &wires) {
                if placed {
                    self.sure(Some(Err::<(), _>(same_qubit(at))))?;
                } else if call.operands.len() > 1 {
                    self.is_doubtful.set(true);
                }
            }
            if round == 0 {
                self.try_gate(call, at)?;
            }
            match wires.as_slice() {
                // Exchanged by renaming.
                [a, b] if swaps && placed && self.forks.is_empty() => {
                    self.touched.swap(*a as usize, *b as usize);
                }
                _ if swaps => wires.iter().for_each(|wire| self.mix(*wire)),
                _ => wires.iter().for_each(|wire| self.touch(*wire, placed)),
            }
            self.levels.join(&wires, 1);
        }
        Ok(())
    }

    fn count_gate(&mut self, at: u32, times: u64, operands: usize) {
        let (counts, numbers) = (&mut self.counts, &mut self.numbers);
        let number = *self.labels.entry(at).or_insert_with(|| {
            let next = u32::try_from(counts.len()).unwrap_or(u32::MAX);
            let number = *numbers.entry(label(self.source, at)).or_insert(next);
            if number == next {
                counts.push(0);
            }
            number
        });
        if let Some(count) = counts.get_mut(number as usize) {
            *count = count.saturating_add(times);
        }
        if operands > 1 {
            self.found.multi_qubit_gates = self.found.multi_qubit_gates.saturating_add(times);
        }
    }

    fn touch(&mut self, qubit: u32, is_placed: bool) {
        let is_sure = is_placed && self.forks.is_empty() && !self.may_have_left;
        if let Some(touched) = self.touched.get_mut(qubit as usize) {
            *touched = (*touched).max(if is_sure {
                Touched::Surely
            } else {
                Touched::Perhaps
            });
        }
    }

    /// The qubit may differ from now on.
    fn mix(&mut self, qubit: u32) {
        if let Some(touched) = self.touched.get_mut(qubit as usize) {
            *touched = Touched::Perhaps;
        }
    }

    /// The element at that index of an operand; all possible elements if it is not known.
    fn wires(&mut self, operand: &Operand, place: u32, into: &mut Vec<u32>) -> Running<()> {
        if let Some(one) = self.sure(self.known.element(operand, place))? {
            into.push(one);
            return Ok(());
        }
        self.found.has_open_index = true;
        self.doubt_place(operand);
        let all = whole(operand);
        self.spend(u64::from(all.len()))?;
        // An analysis that will end early need not know.
        if self.work <= MAX_WORK {
            into.extend(all.known());
            self.thin(into);
        }
        Ok(())
    }

    /// Omits repeated elements, if so many are listed that some must repeat.
    fn thin(&self, wires: &mut Vec<u32>) {
        let all = (self.program.qubits + self.program.bits) as usize;
        if wires.len() > 2 * all {
            let mut is_new = vec![true; all];
            let mut first = |wire: &u32| {
                let place = is_new.get_mut(*wire as usize);
                place.is_some_and(|is_new| std::mem::replace(is_new, false))
            };
            wires.retain(&mut first);
        }
    }

    fn each(&mut self, operand: &Operand, mut act: impl FnMut(&mut Self, &[u32])) -> Running<()> {
        let mut wires = Vec::new();
        for place in 0..operand.len() {
            self.spend(1)?;
            wires.clear();
            self.wires(operand, place, &mut wires)?;
            act(self, &wires);
        }
        Ok(())
    }

    fn measure(&mut self, source: &Operand, target: &Operand) -> Running<()> {
        let count = source.len();
        self.found.measurements += u64::from(count);
        let bits_from = self.program.qubits;
        let (mut wires, mut bits) = (Vec::new(), Vec::new());
        for place in 0..count {
            self.spend(2)?;
            wires.clear();
            bits.clear();
            self.wires(source, place, &mut wires)?;
            self.wires(target, place, &mut bits)?;
            for bit in &bits {
                self.known.set_bit(*bit, None);
            }
            wires.extend(bits.iter().map(|bit| bits_from + bit));
            self.levels.join(&wires, 1);
            let level = wires.last().map_or(0, |wire| self.levels.get(*wire));
            self.last_bit_level = self.last_bit_level.max(level);
        }
        Ok(())
    }

    fn barrier(&mut self, operands: &[Operand]) -> Running<()> {
        let mut wires = Vec::new();
        if operands.is_empty() {
            wires.extend(0..self.program.qubits);
        }
        self.spend(wires.len() as u64)?;
        for operand in operands {
            for place in 0..operand.len() {
                self.spend(1)?;
                self.wires(operand, place, &mut wires)?;
            }
            self.thin(&mut wires);
            if self.work > MAX_WORK {
                break;
            }
        }
        self.levels.join(&wires, 0);
        Ok(())
    }

    fn set_bits(&mut self, target: &Operand, value: Option<Value>) -> Running<()> {
        let word = match value {
            Some(Value::Bits { value, .. }) => Some(value),
            _ => None,
        };
        for place in 0..target.len() {
            self.spend(1)?;
            let bit = word.map(|word| word.checked_shr(place).unwrap_or(0) & 1 == 1);
            if let Some(one) = self.sure(self.known.element(target, place))? {
                self.known.set_bit(one, bit);
            } else {
                self.spend(u64::from(whole(target).len()))?;
                self.known.forget_bits(target);
            }
        }
        Ok(())
    }

    fn copy_bits(&mut self, source: &Operand, target: &Operand) -> Running<()> {
        let mut copies = Vec::with_capacity(source.len() as usize);
        for place in 0..source.len() {
            self.spend(1)?;
            let from = self.sure(self.known.element(source, place))?;
            let to = self.sure(self.known.element(target, place))?;
            let Some(to) = to else {
                self.spend(u64::from(whole(target).len()))?;
                self.known.forget_bits(target);
                continue;
            };
            let value = from.filter(|bit| self.known.has_bit(*bit));
            let level = from.map_or(self.last_bit_level, |bit| {
                self.levels.get(self.program.qubits + bit)
            });
            copies.push((to, value.map(|bit| self.known.memory.bit(bit)), level));
        }
        for (bit, value, level) in copies {
            self.known.set_bit(bit, value);
            self.levels.set(self.program.qubits + bit, level);
        }
        Ok(())
    }

    fn loop_start(&mut self, start: &LoopStart, at: u32) -> Running<()> {
        let plan = match &start.domain {
            Domain::Values(values) => Some([0, values.len() as i128, 1]),
            Domain::Range(parts) => {
                let mut numbers = [Some(0_i128); 3];
                for (number, part) in numbers.iter_mut().zip(parts.iter()) {
                    let integer = self.value(part)?.map(|value| {
                        let integer = value.as_int();
                        integer.map_err(|error| RunError::wrong(at, error.message()))
                    });
                    *number = self.sure(integer)?;
                }
                if let [_, Some(step), _] = numbers {
                    // A step of 0 is an error whatever the ends are.
                    self.sure(Some(loops::turns([0, step, 0], at)))?;
                } else if let [_, step, _] = &**parts
                    && !matches!(self.bounds(step), Some((1.., _)))
                {
                    self.is_doubtful.set(true);
                }
                match numbers {
                    [Some(first), Some(step), Some(end)] => {
                        let turns = loops::turns([first, step, end], at);
                        let turns = self.sure(Some(turns))?;
                        turns.map(|turns| [first, i128::from(turns), step])
                    }
                    _ => None,
                }
            }
        };
        for offset in 0..3 {
            let number = plan.and_then(|plan| plan.get(offset).copied());
            self.known
                .set_variable(start.state + offset, number.map(Value::Int));
        }
        Ok(())
    }

    /// Whether a loop has another turn, which then begins; `None` if that is not known.
    pub(crate) fn turn(&mut self, next: &LoopNext, at: u32) -> Running<Option<bool>> {
        if !self.known.has_variable(next.state + 1) {
            let is_wide = matches!(next.ty, Type::Int(32..) | Type::Uint(64..) | Type::Float(_));
            if !is_wide && matches!(next.domain, Domain::Range(_)) {
                self.is_doubtful.set(true);
            }
            return Ok(None);
        }
        let (has_another, value) = self.known.next_turn(next);
        if !has_another {
            return Ok(Some(false));
        }
        let value = self.sure(value)?;
        let value = self.assigned(value, next.ty, at)?;
        self.known.set_variable(next.variable, value);
        Ok(Some(true))
    }
}

/// Whether an operand that is known only at run time is the same qubit as another one.
fn is_twice(call: &GateCall, wires: &[u32]) -> bool {
    let computed = |operand: &Operand| matches!(operand, Operand::At { .. });
    let mut seen = std::collections::HashSet::new();
    call.operands.iter().any(computed) && !wires.iter().all(|wire| seen.insert(*wire))
}

fn same_qubit(at: u32) -> RunError {
    RunError::wrong(at, "the same qubit is used twice by one gate")
}
