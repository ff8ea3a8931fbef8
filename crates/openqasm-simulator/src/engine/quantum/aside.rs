//! Measurements in the middle of a circuit that nothing looks at, put off to its end (the principle
//! of deferred measurement): in a tableau another qubit is cheaper than another branch.

use super::super::super::program::Program;
use super::super::clifford::Clifford;
use super::super::{Context, Running};
use super::{Form, Quantum, Slot, Status};

/// Most qubits of a tableau with those put aside. They take 12 MiB; drawing all their outcomes
/// together takes about a second.
const MOST: usize = 4096;
/// A program that uses more qubits has no names left for others.
const MOST_OF_PROGRAM: u32 = 1 << 15;
/// Fewer shots are quicker one by one.
const FEWEST_SHOTS: u32 = 32;

/// How many qubits a tableau may have with those put aside; none may be where it is 0.
pub(super) fn most(context: &Context<'_>) -> usize {
    if context.is_deferring && context.program.qubits <= MOST_OF_PROGRAM {
        MOST
    } else {
        0
    }
}

/// Whether measurements are worth putting off. Where outcomes are looked at, each shot goes its own
/// way anyway, with as few qubits as it needs.
pub(in super::super) fn pays_to_defer(program: &Program, shots: u32) -> bool {
    shots >= FEWEST_SHOTS && program.steps.iter().all(|step| step.reads.is_empty())
}

impl Quantum {
    /// Before a measured qubit is changed: a new qubit takes its value and its measurement over.
    /// False where the outcome must be decided instead.
    pub(in super::super) fn copy_aside(&mut self, slot: Slot) -> Running<bool> {
        if !self.is_worth_an_aside(slot)? {
            return Ok(false);
        }
        let Some(copy) = self.new_slot() else {
            return Ok(false);
        };
        let status = self.status_mut(slot);
        let measured = status.map(|status| std::mem::replace(status, Status::Quantum));
        if let Some(Status::Measured(bits)) = &measured {
            let moved = bits.iter().map(|bit| (*bit, copy));
            self.origins.extend(moved);
        }
        if let (Some(status), Some(measured)) = (self.status_mut(copy), measured) {
            *status = measured;
        }
        self.flush()?;
        if let Form::Tableau { tableau, .. } = &mut self.form {
            let step = Clifford::ControlledX {
                control: 0,
                target: 1,
            };
            tableau.apply(step, &[usize::from(slot), usize::from(copy)]);
        }
        Ok(true)
    }

    /// Resets a qubit: a new one in |0⟩ takes its place. False where its value must be decided
    /// first.
    pub(in super::super) fn replace(&mut self, qubit: u32, slot: Slot) -> Running<bool> {
        if !self.is_worth_an_aside(slot)? {
            return Ok(false);
        }
        let Some(fresh) = self.new_slot() else {
            return Ok(false);
        };
        self.slots.insert(qubit, fresh);
        Ok(true)
    }

    /// Whether so much was put aside that branches from the start on are quicker.
    pub(in super::super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether a qubit's outcome is random and can be put off.
    fn is_worth_an_aside(&mut self, slot: Slot) -> Running<bool> {
        if self.most_with_aside == 0 || matches!(self.form, Form::Vector { .. }) {
            return Ok(false);
        }
        self.flush()?;
        let Form::Tableau { tableau, .. } = &self.form else {
            return Ok(false);
        };
        let outcome = tableau.outcome(usize::from(slot), &self.stop)?;
        if outcome.is_some() {
            return Ok(false);
        }
        self.is_full = self.status.len() >= self.most_with_aside;
        Ok(!self.is_full)
    }

    fn new_slot(&mut self) -> Option<Slot> {
        let slot = Slot::try_from(self.status.len()).ok()?;
        self.status.push(Status::Known(false));
        Some(slot)
    }
}
