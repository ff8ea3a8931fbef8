//! Deferred measurement: measurements in the middle of a circuit whose outcomes are not read are moved to its end. In
//! a tableau an ancilla is cheaper than another branch.

use crate::exec::context::Context;
use crate::exec::quantum::{Form, Quantum, Slot, Status};
use crate::ir::pauli::PauliString;
use crate::ir::program::Program;
use crate::run_error::Running;
use crate::stabilizer::clifford::Clifford;

/// Maximum qubits of a tableau, ancillas included. They take 12 MiB; drawing all their outcomes together takes about
/// a second.
const MAX_WIDTH: usize = 4096;
/// A program with more qubits has no numbers left for ancillas.
const MAX_PROGRAM_QUBITS: u32 = 1 << 15;
/// Fewer shots are quicker one by one.
const MIN_SHOTS: u32 = 32;

/// Maximum tableau width including ancillas; 0 disables deferral.
pub(crate) fn max_width(context: &Context<'_>) -> usize {
    if context.is_deferring && context.program.qubits <= MAX_PROGRAM_QUBITS {
        MAX_WIDTH
    } else {
        0
    }
}

/// Whether deferral is worthwhile. If outcomes are read, each shot branches anyway, with as few qubits as it needs.
pub(crate) fn pays_to_defer(program: &Program, shots: u32, strings: &[PauliString]) -> bool {
    // Exact means take all branches.
    let has_many = shots >= MIN_SHOTS || (shots == 0 && !strings.is_empty());
    has_many && program.steps.iter().all(|step| step.reads.is_empty())
}

impl Quantum {
    /// Before a measured qubit is changed, an ancilla takes over its value and its measurement. Returns false if the
    /// outcome must be decided instead.
    pub(crate) fn defer_with_ancilla(&mut self, slot: Slot) -> Running<bool> {
        if !self.is_worth_deferring(slot)? {
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

    /// Resets a qubit: an ancilla in |0⟩ replaces it. Returns false if its value must be decided first.
    pub(crate) fn replace(&mut self, qubit: u32, slot: Slot) -> Running<bool> {
        if !self.is_worth_deferring(slot)? {
            return Ok(false);
        }
        let Some(fresh) = self.new_slot() else {
            return Ok(false);
        };
        self.slots.insert(qubit, fresh);
        Ok(true)
    }

    /// Whether so many measurements were deferred that branches from the start are quicker.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether a qubit's outcome is random and can be deferred.
    fn is_worth_deferring(&mut self, slot: Slot) -> Running<bool> {
        if self.max_deferred_width == 0 || matches!(self.form, Form::Vector { .. }) {
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
        self.is_full = self.status.len() >= self.max_deferred_width;
        Ok(!self.is_full)
    }

    fn new_slot(&mut self) -> Option<Slot> {
        let slot = Slot::try_from(self.status.len()).ok()?;
        self.status.push(Status::Known(false));
        Some(slot)
    }
}
