//! The results of the qubits at the end: sampled outcomes, probabilities, amplitudes.

use crate::exec::evaluate::set_bit;
use crate::exec::exact::Probabilities;
use crate::exec::quantum::{Form, Quantum, Slot, Status};
use crate::resources::stop::Stopped;
use crate::sampling::{self, Weighed};
use crate::stabilizer::support::Support;
use crate::statevector::state::{BLOCK, State};
use rand_xoshiro::Xoshiro256PlusPlus;

impl Quantum {
    /// Samples the outcomes of all open measurements: calls back with `bits` and those outcomes, and their number of
    /// shots, until the callback returns false. No gate may be pending.
    pub(crate) fn sample(
        &self,
        bits: &[u64],
        shots: u64,
        rng: &mut Xoshiro256PlusPlus,
        mut found: impl FnMut(Vec<u64>, u64) -> bool,
    ) -> Result<(), Stopped> {
        let open = self.open_measurements();
        if open.is_empty() {
            found(bits.to_vec(), shots);
            return Ok(());
        }
        match &self.form {
            Form::Vector { state, .. } => {
                let blocks = state.block_weights(&self.config, &self.stop)?;
                let State { re, im } = state;
                let weighed = Weighed {
                    re,
                    im,
                    block: BLOCK,
                    blocks: &blocks,
                };
                sampling::sample(&weighed, shots, rng, &self.stop, |index, times| {
                    found(outcome(bits, &open, index), times)
                })
            }
            Form::Tableau { tableau, .. } => Support::new(tableau, &open, bits, &self.stop)?
                .sample(shots, rng, &self.stop, found),
        }
    }

    /// The exact probabilities of the outcomes of all open measurements, with `bits`; `None` if there are more than
    /// `most`. No gate may be pending.
    pub(crate) fn probabilities(
        &self,
        bits: &[u64],
        most: usize,
    ) -> Result<Option<Probabilities>, Stopped> {
        let open = self.open_measurements();
        let state = match &self.form {
            Form::Vector { state, .. } => state,
            Form::Tableau { tableau, .. } => {
                return Support::new(tableau, &open, bits, &self.stop)?.all(most, &self.stop);
            }
        };
        let mask = open
            .iter()
            .fold(0, |mask, (slot, _)| mask | 1_usize << slot);
        let Some(weights) = state.marginals(mask, most, &self.config, &self.stop)? else {
            return Ok(None);
        };
        let located = weights
            .into_iter()
            .map(|(index, weight)| (outcome(bits, &open, index), weight));
        Ok(Some(located.collect()))
    }

    /// The amplitudes of all basis states of these qubits, which must be all qubits of the program; bit `k` of an
    /// index is the value of the qubit at index `k`. `None` for a tableau. No gate may be pending.
    pub(crate) fn amplitudes(&self, order: &[u32]) -> Option<Vec<[f64; 2]>> {
        let Form::Vector { state, .. } = &self.form else {
            return None;
        };
        let qubits = u32::try_from(order.len()).ok()?;
        let mut amplitudes = vec![[0.0, 0.0]; 1_usize.checked_shl(qubits)?];
        let places = order.iter().zip(0_u32..);
        let slots: Vec<(Slot, u32)> = places
            .filter_map(|(qubit, place)| Some((*self.slots.get(qubit)?, place)))
            .collect();
        for (index, (re, im)) in state.re.iter().zip(&state.im).enumerate() {
            let ones = slots.iter().filter(|(slot, _)| index >> slot & 1 == 1);
            let place = ones.fold(0_usize, |place, (_, bit)| place | 1 << bit);
            if let Some(amplitude) = amplitudes.get_mut(place) {
                *amplitude = [*re, *im];
            }
        }
        Some(amplitudes)
    }

    /// The open measurements that write to at least one bit: slot and bits.
    fn open_measurements(&self) -> Vec<(usize, Vec<u32>)> {
        let slots = self.status.iter().enumerate();
        let open = slots.filter_map(|(slot, status)| match status {
            Status::Measured(bits) if !bits.is_empty() => {
                Some((slot, bits.iter().copied().collect()))
            }
            _ => None,
        });
        open.collect()
    }
}

/// The bits with the outcomes of open measurements in a basis state.
fn outcome(bits: &[u64], open: &[(usize, Vec<u32>)], index: usize) -> Vec<u64> {
    let mut outcome = bits.to_vec();
    for (slot, bits) in open {
        for bit in bits {
            set_bit(&mut outcome, *bit, index >> slot & 1 == 1);
        }
    }
    outcome
}
