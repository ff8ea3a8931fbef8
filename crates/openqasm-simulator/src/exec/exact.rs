//! Exact values at the end of a run without a random outcome before it.

use crate::exec::context::Context;
use crate::exec::machine::Machine;
use crate::run_error::Running;

/// Maximum outcomes whose probabilities are listed.
pub(crate) const MAX_OUTCOMES: usize = 1 << 16;
/// Maximum qubits whose amplitudes are listed.
pub(crate) const MAX_LISTED_QUBITS: u32 = 16;

/// Outcomes as words of classical bits, with their probabilities.
pub(crate) type Probabilities = Vec<(Vec<u64>, f64)>;

/// The requested values that exist.
#[derive(Debug, Default)]
pub(crate) struct Exact {
    pub probabilities: Option<Probabilities>,
    /// Real and imaginary part of each basis state's amplitude.
    pub statevector: Option<Vec<[f64; 2]>>,
    /// The mean of each requested string over all branches: exact without shots, sampled with shots.
    pub means: Vec<f64>,
}

impl Exact {
    /// Takes the values from a branch at its end, before its open measurements are sampled.
    pub(crate) fn of(machine: &Machine, context: &Context<'_>) -> Running<Self> {
        let (quantum, qubits) = (&machine.quantum, context.program.qubits);
        let mut exact = Self::default();
        if context.wanted.probabilities {
            exact.probabilities = quantum.probabilities(&machine.memory.bits, MAX_OUTCOMES)?;
        }
        if context.wanted.statevector && qubits <= MAX_LISTED_QUBITS {
            exact.statevector = quantum.amplitudes(&context.program.order);
        }
        Ok(exact)
    }
}
