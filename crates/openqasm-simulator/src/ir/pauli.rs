//! Products of Pauli operators on qubits of a program.

/// A Pauli operator on one qubit: `x` alone for X, `z` alone for Z, both for Y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PauliFactor {
    pub qubit: u32,
    pub x: bool,
    pub z: bool,
}

/// The factors that are not the identity, at most one for each qubit.
pub(crate) type PauliString = Vec<PauliFactor>;
