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
    /// The expectation of each requested observable.
    pub expectations: Vec<Expectation>,
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

/// The expectation of an observable `Σ c P` with Pauli strings `P`, whose means are `m`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// `Σ c m`
    pub value: f64,
    /// `Σ c² (1 − m²)`: the variance of one estimate, if each string is measured once by itself.
    pub variance: f64,
    /// With shots: the square root of the variance divided by the shots.
    pub standard_error: Option<f64>,
}

/// A classical register of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Its name in the circuit; `meas` for measurements without a target.
    pub name: String,
    /// Number of bits.
    pub size: u32,
}
