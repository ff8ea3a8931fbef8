//! Pending phases: they commute with each other and with all operations that do not change their qubits, so that many
//! of them can become one pass.

use crate::ir::complex::Complex;
use crate::statevector::diagonal::Diagonal;

/// Maximum qubits of the masks.
const MOST: usize = 64;

/// Phases on one and two qubits, at most one for each qubit and each pair.
#[derive(Debug)]
pub(crate) struct Pending {
    diagonal: Diagonal,
    /// For each qubit, the qubits that it shares a phase with.
    partners: [u64; MOST],
    /// Qubits with a phase of their own.
    singles: u64,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            diagonal: Diagonal::default(),
            partners: [0; MOST],
            singles: 0,
        }
    }
}

impl Pending {
    pub(crate) fn add_single(&mut self, qubit: u8, factor: Complex) {
        if self.singles >> qubit & 1 == 1 {
            let mut known = self.diagonal.singles.iter_mut();
            if let Some((_, known)) = known.find(|(known, _)| *known == qubit) {
                *known = *known * factor;
                return;
            }
        }
        self.singles |= 1 << qubit;
        self.diagonal.singles.push((qubit, factor));
    }

    pub(crate) fn add_pair(&mut self, a: u8, b: u8, factor: Complex) {
        let (a, b) = (a.min(b), a.max(b));
        if self.partners(a) >> b & 1 == 1 {
            let mut known = self.diagonal.pairs.iter_mut();
            if let Some((.., known)) = known.find(|(x, y, _)| (*x, *y) == (a, b)) {
                *known = *known * factor;
                return;
            }
        }
        self.pair(a, b);
        self.diagonal.pairs.push((a, b, factor));
    }

    fn pair(&mut self, a: u8, b: u8) {
        for (one, other) in [(a, b), (b, a)] {
            if let Some(partners) = self.partners.get_mut(usize::from(one)) {
                *partners ^= 1 << other;
            }
        }
    }

    /// The qubits that share a phase with that one, as a mask.
    pub(crate) fn partners(&self, qubit: u8) -> u64 {
        self.partners.get(usize::from(qubit)).copied().unwrap_or(0)
    }

    /// Whether a qubit has a phase of its own.
    pub(crate) fn has_single(&self, qubit: u8) -> bool {
        self.singles >> qubit & 1 == 1
    }

    /// The number of pairs with a phase.
    pub(crate) fn pairs(&self) -> usize {
        self.diagonal.pairs.len()
    }

    /// Removes and returns the phase of a qubit alone.
    pub(crate) fn take_single(&mut self, qubit: u8) -> Option<Complex> {
        if self.singles >> qubit & 1 == 0 {
            return None;
        }
        self.singles &= !(1 << qubit);
        let mut known = self.diagonal.singles.iter();
        let place = known.position(|(known, _)| *known == qubit)?;
        Some(self.diagonal.singles.swap_remove(place).1)
    }

    /// Removes and returns the phase of a pair.
    pub(crate) fn take_pair(&mut self, a: u8, b: u8) -> Option<Complex> {
        let (a, b) = (a.min(b), a.max(b));
        if self.partners(a) >> b & 1 == 0 {
            return None;
        }
        self.pair(a, b);
        let mut known = self.diagonal.pairs.iter();
        let place = known.position(|(x, y, _)| (*x, *y) == (a, b))?;
        Some(self.diagonal.pairs.swap_remove(place).2)
    }

    /// Removes and returns all pending phases.
    pub(crate) fn take_all(&mut self) -> Option<Diagonal> {
        let all = std::mem::take(self).diagonal;
        (all.qubits() != 0).then_some(all)
    }
}
