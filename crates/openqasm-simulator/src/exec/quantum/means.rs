//! Exact means of Pauli strings in the state of one branch.

use crate::exec::quantum::{Form, Quantum, Slot, Status};
use crate::ir::pauli::{PauliFactor, PauliString};
use crate::resources::stop::Stopped;
use crate::statevector::expectation::{self, PauliMasks};

/// A factor of a string: slot, `x` and `z`.
pub(crate) type SlotFactor = (usize, bool, bool);

impl Quantum {
    /// Records that a gate follows the open measurement of this qubit, without changing its basis states.
    pub(crate) fn keep(&mut self, slot: Slot) {
        if matches!(
            self.statuses().get(usize::from(slot)),
            Some(Status::Measured(_))
        ) {
            self.dephased.insert(slot);
        }
    }

    /// The mean of each string before the open measurements. No gate may be pending.
    ///
    /// A measurement after which its qubit is used is not undone: X and Y of that qubit then have the mean 0.
    pub(crate) fn means(&self, strings: &[PauliString]) -> Result<Vec<f64>, Stopped> {
        let mut means = vec![0.0; strings.len()];
        let located = strings.iter().map(|string| self.located(string));
        match &self.form {
            Form::Vector { state, .. } => {
                let (mut numbers, mut masks) = (Vec::new(), Vec::new());
                for (number, factors) in located.enumerate() {
                    let Some(factors) = factors else { continue };
                    numbers.push(number);
                    masks.push(masks_of(&factors));
                }
                let found = expectation::means(state, &masks, &self.config, &self.stop)?;
                for (number, mean) in numbers.into_iter().zip(found) {
                    if let Some(place) = means.get_mut(number) {
                        *place = mean;
                    }
                }
            }
            Form::Tableau { tableau, .. } => {
                for (factors, place) in located.zip(&mut means) {
                    self.stop.check()?;
                    if let Some(factors) = factors {
                        *place = tableau.mean(&factors, &self.stop)?;
                    }
                }
            }
        }
        Ok(means)
    }

    /// The factors of a string on qubits in memory; `None` if its mean is 0 because of another qubit, or of a measured
    /// one.
    fn located(&self, string: &PauliString) -> Option<Vec<SlotFactor>> {
        let mut factors = Vec::with_capacity(string.len());
        for PauliFactor { qubit, x, z } in string {
            match self.slot(*qubit) {
                // An untouched qubit is |0⟩.
                None if *x => return None,
                None => {}
                Some(slot) if *x && self.is_dephased(slot) => return None,
                Some(slot) => factors.push((usize::from(slot), *x, *z)),
            }
        }
        Some(factors)
    }

    fn is_dephased(&self, slot: Slot) -> bool {
        self.dephased.contains(&slot)
            && matches!(
                self.statuses().get(usize::from(slot)),
                Some(Status::Measured(_))
            )
    }
}

fn masks_of(factors: &[SlotFactor]) -> PauliMasks {
    let mask = |bit: fn(&SlotFactor) -> bool| {
        let chosen = factors.iter().filter(|factor| bit(factor));
        chosen.fold(0, |mask, (slot, ..)| mask | 1_usize << slot)
    };
    PauliMasks {
        x: mask(|(_, x, _)| *x),
        z: mask(|(_, _, z)| *z),
    }
}
