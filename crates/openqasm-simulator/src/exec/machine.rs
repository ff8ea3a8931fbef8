//! One branch of a run: a position in the program, classical memory and qubits.

use crate::exec::context::Context;
use crate::exec::evaluate::{Memory, located};
use crate::exec::expand::Sink;
use crate::exec::quantum::{Quantum, Slot};
use crate::ir::gates::Base;
use crate::ir::program::{Action, Operand, Step};
use crate::ir::value::Value;
use crate::limits::MAX_STEPS;
use crate::run_error::{RunError, Running};
use crate::statevector::op::Op;
use crate::statevector::state::NoState;

/// Work between two checks of the stop flag: about a millisecond.
const LOOK: u64 = 1 << 12;

/// The next action of a branch.
pub(crate) enum Next {
    /// The outcome of the qubit in that slot must be decided before the next step.
    Decide(Slot),
    /// The program ended.
    Done,
}

#[derive(Debug)]
pub(crate) struct Machine {
    position: usize,
    steps: u64,
    /// Work since the last check of the stop flag: steps, and the operands of long ones.
    since_look: u64,
    pub(crate) gates: u64,
    pub memory: Memory,
    pub quantum: Quantum,
}

impl Machine {
    pub(crate) fn new(context: &Context<'_>) -> Self {
        let mut memory = Memory::new(context.program.variables, context.program.bits);
        for (slot, value) in context.bindings {
            memory.set_variable(*slot, *value);
        }
        Self {
            position: 0,
            steps: 0,
            since_look: 0,
            gates: 0,
            memory,
            quantum: Quantum::new(context),
        }
    }

    pub(crate) fn try_clone(&self) -> Result<Self, NoState> {
        Ok(Self {
            position: self.position,
            steps: self.steps,
            since_look: self.since_look,
            gates: self.gates,
            memory: self.memory.clone(),
            quantum: self.quantum.try_clone()?,
        })
    }

    /// Bytes of a copy.
    pub(crate) fn bytes(&self) -> u128 {
        let classical = self.memory.bits.len() * size_of::<u64>()
            + self.memory.variables.len() * size_of::<Value>()
            + size_of::<Self>();
        self.quantum.bytes().saturating_add(classical as u128)
    }

    /// Runs until an outcome must be decided or the program ends. After a decision the same step is repeated.
    pub(crate) fn run(&mut self, context: &Context<'_>) -> Running<Next> {
        while let Some(step) = context.program.steps.get(self.position) {
            self.steps += 1;
            self.work(1, context)?;
            if self.steps > MAX_STEPS {
                return Err(RunError::limit(
                    step.at,
                    format!("the circuit runs more than {MAX_STEPS} statements"),
                ));
            }
            if let Some(slot) = self.quantum.awaited(&step.reads) {
                return Ok(Next::Decide(slot));
            }
            if let Some(slot) = self.step(step, context)? {
                return Ok(Next::Decide(slot));
            }
        }
        Ok(Next::Done)
    }

    /// Checks the stop flag from time to time.
    pub(crate) fn work(&mut self, work: usize, context: &Context<'_>) -> Running<()> {
        self.since_look += work as u64;
        if self.since_look >= LOOK {
            self.since_look = 0;
            context.stop.check()?;
        }
        Ok(())
    }

    /// Executes one step, or returns the qubit that must be decided first.
    fn step(&mut self, step: &Step, context: &Context<'_>) -> Running<Option<Slot>> {
        let mut next = self.position + 1;
        self.work(operands(&step.action), context)?;
        match &step.action {
            Action::Gate(call) => {
                if let Some(slot) = self.gate(call, step.at, context)? {
                    return Ok(Some(slot));
                }
            }
            Action::Reset(operand) => {
                if let Some(slot) = self.reset(operand, context)? {
                    return Ok(Some(slot));
                }
            }
            Action::Measure { source, target } => self.measure(source, target, context)?,
            Action::SetVariable { slot, ty, value } => {
                let value = self.memory.evaluate(value, &[])?;
                let value = located(value.assign_to(*ty), step.at)?;
                self.memory.set_variable(*slot, value);
            }
            Action::SetElement { element, ty, value } => {
                let slot = self.memory.slot(element)?;
                let value = self.memory.evaluate(value, &[])?;
                let value = located(value.assign_to(*ty), step.at)?;
                self.memory.set_variable(slot, value);
            }
            Action::Fill {
                first,
                count,
                value,
            } => {
                self.charge(*count, context)?;
                (0..*count).for_each(|place| self.memory.set_variable(first + place, *value));
            }
            Action::CopyVariables { from, to, count } => {
                self.charge(*count, context)?;
                self.memory.copy_variables(*from, *to, *count);
            }
            Action::SetBits { target, value } => {
                let value = self.memory.evaluate(value, &[])?;
                self.set_bits(target, value, step.at)?;
            }
            Action::CopyBits { source, target } => self.copy_bits(source, target)?,
            Action::Barrier(_) => {}
            Action::Jump(to) => next = *to,
            Action::Unless { condition, to } => {
                let value = self.memory.evaluate(condition, &[])?;
                let holds = value
                    .truth()
                    .map_err(|error| RunError::wrong(step.at, error.message()))?;
                if !holds {
                    next = *to;
                }
            }
            Action::LoopStart(start) => self.loop_start(start, step.at)?,
            Action::LoopNext(loop_next) => {
                if !self.loop_next(loop_next, step.at)? {
                    next = loop_next.exit;
                }
            }
        }
        self.position = next;
        Ok(None)
    }

    /// A long step counts as several.
    fn charge(&mut self, work: usize, context: &Context<'_>) -> Running<()> {
        self.steps += (work / 16) as u64;
        context.stop.check()?;
        Ok(())
    }

    fn set_bits(&mut self, target: &Operand, value: Value, at: u32) -> Running<()> {
        let ty = crate::ir::value::Type::Bits(target.len());
        let Value::Bits { value, .. } = located(value.assign_to(ty), at)? else {
            return Ok(());
        };
        for place in 0..target.len() {
            let bit = self.memory.element(target, place)?;
            self.forget(bit);
            self.memory
                .set_bit(bit, value.checked_shr(place).unwrap_or(0) & 1 == 1);
        }
        Ok(())
    }

    /// Copies bits; a copy of an undecided bit joins its open measurement.
    fn copy_bits(&mut self, source: &Operand, target: &Operand) -> Running<()> {
        let mut copies = Vec::with_capacity(source.len() as usize);
        for place in 0..source.len() {
            let bit = self.memory.element(source, place)?;
            let goal = self.memory.element(target, place)?;
            copies.push((
                goal,
                self.memory.bit(bit),
                self.quantum.awaited(&[(bit, 1)]),
            ));
        }
        for (bit, value, open) in copies {
            self.forget(bit);
            match open {
                Some(slot) => self.quantum.measure(slot, bit),
                None => self.memory.set_bit(bit, value),
            }
        }
        Ok(())
    }

    /// A bit gets a new value: an open measurement no longer writes to it.
    fn forget(&mut self, bit: u32) {
        self.quantum.forget(bit);
    }

    fn measure(
        &mut self,
        source: &Operand,
        target: &Operand,
        context: &Context<'_>,
    ) -> Running<()> {
        if source.len() > 256 {
            context.stop.check()?;
        }
        for place in 0..source.len() {
            let qubit = self.memory.element(source, place)?;
            let bit = self.memory.element(target, place)?;
            self.forget(bit);
            let slot = self.quantum.slot(qubit);
            match slot.map(|slot| (slot, self.quantum.known(slot))) {
                None => self.memory.set_bit(bit, false),
                Some((_, Some(value))) => self.memory.set_bit(bit, value),
                Some((slot, None)) => self.quantum.measure(slot, bit),
            }
        }
        Ok(())
    }

    fn reset(&mut self, operand: &Operand, context: &Context<'_>) -> Running<Option<Slot>> {
        if operand.len() > 256 {
            context.stop.check()?;
        }
        for place in 0..operand.len() {
            let qubit = self.memory.element(operand, place)?;
            let Some(slot) = self.quantum.slot(qubit) else {
                continue;
            };
            match self.quantum.known(slot) {
                Some(true) => {
                    let target = self.quantum.names(&[slot]);
                    self.quantum.op(Op::Unitary {
                        target: target.first().copied().unwrap_or(0),
                        on: 0,
                        value: 0,
                        matrix: Base::X.matrix(&[]),
                    })?;
                    self.quantum.decided(slot, false);
                }
                Some(false) => {}
                None => {
                    if self.quantum.replace(qubit, slot)? {
                        continue;
                    }
                    // A reset is a measurement whose outcome is not stored, followed by a flip.
                    self.quantum.open(slot);
                    return Ok(Some(slot));
                }
            }
        }
        Ok(None)
    }
}

/// The number of elements that a step visits, without those of a gate.
fn operands(action: &Action) -> usize {
    match action {
        Action::Measure {
            source: operand, ..
        }
        | Action::CopyBits {
            source: operand, ..
        }
        | Action::SetBits {
            target: operand, ..
        }
        | Action::Reset(operand) => operand.len() as usize,
        _ => 0,
    }
}
