//! The means of Pauli strings over all branches of a run.

use crate::exec::quantum::Quantum;
use crate::ir::pauli::PauliString;
use crate::resources::stop::Stopped;
use crate::sampling;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Adds up the means of branches.
pub(crate) struct BranchMeans<'a> {
    strings: &'a [PauliString],
    /// Of the run; 0 for exact means.
    shots: u32,
    rng: Xoshiro256PlusPlus,
    /// Exact: means times probabilities. Sampled: shots with +1 less those with -1.
    sums: Vec<f64>,
}

impl<'a> BranchMeans<'a> {
    /// No branches yet. The draws do not change those of the counts.
    pub(crate) fn new(strings: &'a [PauliString], shots: u32, rng: &Xoshiro256PlusPlus) -> Self {
        let mut rng = rng.clone();
        rng.jump();
        Self {
            strings,
            shots,
            rng,
            sums: vec![0.0; strings.len()],
        }
    }

    /// Whether means are requested without shots.
    pub(crate) fn are_exact(&self) -> bool {
        self.shots == 0 && !self.strings.is_empty()
    }

    /// Adds a branch at its end. No gate may be pending.
    pub(crate) fn add(
        &mut self,
        quantum: &Quantum,
        shots: u64,
        weight: f64,
    ) -> Result<(), Stopped> {
        if self.strings.is_empty() {
            return Ok(());
        }
        let means = quantum.means(self.strings)?;
        for (sum, mean) in self.sums.iter_mut().zip(means) {
            *sum += if self.shots == 0 {
                weight * mean
            } else {
                let plus = sampling::binomial(&mut self.rng, shots, f64::midpoint(1.0, mean));
                2.0 * real(plus) - real(shots)
            };
        }
        Ok(())
    }

    /// The mean of each string.
    pub(crate) fn finish(self) -> Vec<f64> {
        let all = f64::from(self.shots.max(1));
        self.sums.into_iter().map(|sum| sum / all).collect()
    }
}

/// Shots are far below 2⁵³.
#[allow(clippy::cast_precision_loss, reason = "shots fit 32 bits")]
fn real(shots: u64) -> f64 {
    shots as f64
}
