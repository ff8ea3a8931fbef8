//! The result of a run.

use crate::sampling::ShotMemory;
use std::collections::BTreeMap;

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// How often each outcome occurred. Zero-padded, classical bit 0 rightmost, registers last-declared first and
    /// separated by a space, as Qiskit writes them.
    pub counts: BTreeMap<String, u64>,
    /// The outcome of each shot, if requested.
    pub memory: Option<ShotMemory>,
    /// The exact probability of each outcome, if requested and if it exists.
    pub probabilities: Option<BTreeMap<String, f64>>,
    /// Real and imaginary part of each basis state's amplitude before the final measurements, up to a global phase,
    /// if requested and if they exist. Bit `k` of an index is the value of the qubit declared as number `k`.
    pub statevector: Option<Vec<[f64; 2]>>,
    /// Why a requested value is missing.
    pub notes: Vec<String>,
    /// Qubits that the circuit declares.
    pub qubits: usize,
    /// Classical registers in the order of their declaration.
    pub registers: Vec<Register>,
    /// The order of the bits of an outcome, for people: `c[n-1]..c[0]`.
    pub bit_order: String,
    /// The seed that repeats this run.
    pub seed: u64,
    /// How the circuit was simulated.
    pub method: &'static str,
}

/// A classical register of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Its name in the circuit; `meas` for measurements without a target.
    pub name: String,
    /// Number of bits.
    pub size: u32,
}
