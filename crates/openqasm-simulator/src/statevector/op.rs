//! One operation on a state.

use crate::ir::complex::{Complex, Matrix};

/// A gate as the simulator applies it: on numbered qubits, if the qubits in the mask `on` have the values in `value`.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A one-qubit matrix.
    Unitary {
        target: u8,
        on: u64,
        value: u64,
        matrix: Matrix,
    },
    /// A factor on all amplitudes that the mask selects.
    Phase {
        on: u64,
        value: u64,
        factor: Complex,
    },
    /// Exchanges two qubits.
    Swap { a: u8, b: u8, on: u64, value: u64 },
}

impl Op {
    /// All qubits that the operation touches, as a mask.
    pub(crate) fn qubits(&self) -> u64 {
        match self {
            Self::Unitary { target, on, .. } => on | 1 << target,
            Self::Phase { on, .. } => *on,
            Self::Swap { a, b, on, .. } => on | 1 << a | 1 << b,
        }
    }
}
