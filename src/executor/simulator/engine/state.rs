//! The statevector: amplitudes in memory, and what measurement needs of them.
#![allow(
    clippy::indexing_slicing,
    reason = "hot loops over two slices whose lengths are equal by construction"
)]

use super::super::stop::{Stop, Stopped};
use std::collections::BTreeMap;

/// Amplitudes worked on between two looks at the stop flag.
pub(super) const CHUNK: usize = 1 << 16;

/// Real and imaginary parts apart, so that the compiler can use vector instructions. Bit `k` of
/// an index is the value of qubit `k`.
#[derive(Debug)]
pub(super) struct State {
    pub re: Vec<f64>,
    pub im: Vec<f64>,
}

/// Why a state could not be made.
#[derive(Debug)]
pub(super) enum NoState {
    /// The machine has no memory for it, though it is within the limit.
    OutOfMemory,
    Stopped(Stopped),
}

impl From<Stopped> for NoState {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Fresh memory costs time when it is first touched: look at the stop flag between pieces.
const PIECE: usize = 1 << 20;

impl State {
    /// No qubits: one amplitude.
    pub(super) fn new() -> Self {
        Self {
            re: vec![1.0],
            im: vec![0.0],
        }
    }

    /// Bytes that a state of that many qubits needs.
    pub(super) fn bytes(qubits: usize) -> u128 {
        u32::try_from(qubits)
            .ok()
            .and_then(|qubits| 16_u128.checked_shl(qubits).filter(|_| qubits < 120))
            .unwrap_or(u128::MAX)
    }

    pub(super) fn qubits(&self) -> usize {
        self.re.len().trailing_zeros() as usize
    }

    /// Adds qubits in |0⟩ as the highest ones.
    pub(super) fn grow(&mut self, qubits: usize, stop: &Stop) -> Result<(), NoState> {
        let length = u32::try_from(qubits)
            .ok()
            .and_then(|qubits| 1_usize.checked_shl(qubits))
            .ok_or(NoState::OutOfMemory)?;
        for part in [&mut self.re, &mut self.im] {
            let missing = length.saturating_sub(part.len());
            part.try_reserve_exact(missing)
                .map_err(|_| NoState::OutOfMemory)?;
            while part.len() < length {
                stop.check()?;
                part.resize(length.min(part.len() + PIECE), 0.0);
            }
        }
        Ok(())
    }

    pub(super) fn try_clone(&self, stop: &Stop) -> Result<Self, NoState> {
        let copy = |part: &Vec<f64>| {
            let mut copied = Vec::new();
            copied
                .try_reserve_exact(part.len())
                .map_err(|_| NoState::OutOfMemory)?;
            for piece in part.chunks(PIECE) {
                stop.check()?;
                copied.extend_from_slice(piece);
            }
            Ok::<_, NoState>(copied)
        };
        Ok(Self {
            re: copy(&self.re)?,
            im: copy(&self.im)?,
        })
    }

    /// The weights of a qubit's outcomes 0 and 1; their sum is 1 but for rounding.
    pub(super) fn weights(&self, qubit: usize, stop: &Stop) -> Result<[f64; 2], Stopped> {
        let mut weights = [0.0, 0.0];
        let half = 1_usize << qubit;
        let run = half.min(CHUNK);
        for (index, (re, im)) in self.re.chunks(run).zip(self.im.chunks(run)).enumerate() {
            if (index * run).is_multiple_of(CHUNK) {
                stop.check()?;
            }
            let outcome = usize::from((index * run) & half != 0);
            weights[outcome] += norm(re, im);
        }
        Ok(weights)
    }

    /// Keeps the part where the qubit has that value, scaled.
    pub(super) fn collapse(
        &mut self,
        qubit: usize,
        value: bool,
        scale: f64,
        stop: &Stop,
    ) -> Result<(), Stopped> {
        let half = 1_usize << qubit;
        let run = half.min(CHUNK);
        for (index, (re, im)) in self
            .re
            .chunks_mut(run)
            .zip(self.im.chunks_mut(run))
            .enumerate()
        {
            if (index * run).is_multiple_of(CHUNK) {
                stop.check()?;
            }
            if ((index * run) & half != 0) == value {
                re.iter_mut().chain(im).for_each(|part| *part *= scale);
            } else {
                re.fill(0.0);
                im.fill(0.0);
            }
        }
        Ok(())
    }

    /// The probabilities of the values of the qubits in the mask, by those bits of the index, in
    /// order; none where more than `most` of them are above rounding.
    pub(super) fn marginals(
        &self,
        mask: usize,
        most: usize,
        stop: &Stop,
    ) -> Result<Option<BTreeMap<usize, f64>>, Stopped> {
        /// Below it an amplitude's square is rounding.
        const NOISE: f64 = 1e-24;
        let norm = self.norm(stop)?;
        let mut weights: BTreeMap<usize, f64> = BTreeMap::new();
        for (index, (re, im)) in self.re.iter().zip(&self.im).enumerate() {
            if index.is_multiple_of(CHUNK) {
                stop.check()?;
            }
            let weight = (re * re + im * im) / norm;
            if weight > NOISE {
                *weights.entry(index & mask).or_insert(0.0) += weight;
                if weights.len() > most {
                    return Ok(None);
                }
            }
        }
        Ok(Some(weights))
    }

    /// The sum of all probabilities: 1 but for rounding.
    pub(super) fn norm(&self, stop: &Stop) -> Result<f64, Stopped> {
        let mut total = 0.0;
        for (re, im) in self.re.chunks(CHUNK).zip(self.im.chunks(CHUNK)) {
            stop.check()?;
            total += norm(re, im);
        }
        Ok(total)
    }
}

/// Sums with four accumulators: faster and more exact than one.
pub(super) fn norm(re: &[f64], im: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (re_blocks, re_rest) = re.as_chunks::<4>();
    let (im_blocks, im_rest) = im.as_chunks::<4>();
    for (re, im) in re_blocks.iter().zip(im_blocks) {
        for lane in 0..4 {
            sums[lane] += re[lane] * re[lane] + im[lane] * im[lane];
        }
    }
    let rest: f64 = re_rest
        .iter()
        .zip(im_rest)
        .map(|(re, im)| re * re + im * im)
        .sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}
