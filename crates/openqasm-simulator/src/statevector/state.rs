//! The statevector: amplitudes in memory, and their use in measurements.
#![allow(
    clippy::indexing_slicing,
    reason = "hot loops over two slices whose lengths are equal by construction"
)]

use crate::resources::stop::{Stop, Stopped};
use crate::statevector::exec_config::ExecConfig;
use crate::statevector::parallel::parallel_for;
use crate::statevector::simd::{Lanes, Level, Work};
use std::collections::BTreeMap;

/// Amplitudes processed between two checks of the stop flag.
pub(crate) const CHUNK: usize = 1 << 16;
/// Amplitudes whose probabilities are summed before the sum is added to others.
pub(crate) const BLOCK: usize = 1 << 10;
/// At least the number of lanes of any vector.
const LANES: usize = 8;

/// Real and imaginary parts are separate, so that the compiler can use vector instructions. Bit `k` of an index is
/// the value of qubit `k`.
#[derive(Debug)]
pub(crate) struct State {
    pub re: Vec<f64>,
    pub im: Vec<f64>,
}

/// Why a state could not be allocated.
#[derive(Debug)]
pub(crate) enum NoState {
    /// The machine lacks the memory, although the state is within the limit.
    OutOfMemory,
    Stopped(Stopped),
}

impl From<Stopped> for NoState {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Numbers in the smallest memory page of any machine.
const PAGE: usize = 4096 / size_of::<f64>();
/// Fresh memory costs time when it is first touched: the stop flag is checked between pieces.
const PIECE: usize = 1 << 20;
/// A state of at most that many amplitudes is copied when it grows.
const SMALL: usize = 1 << 12;

impl State {
    /// No qubits: one amplitude.
    pub(crate) fn new() -> Self {
        Self {
            re: vec![1.0],
            im: vec![0.0],
        }
    }

    /// Bytes of a state of that many qubits.
    pub(crate) fn bytes(qubits: usize) -> u128 {
        u32::try_from(qubits)
            .ok()
            .and_then(|qubits| 16_u128.checked_shl(qubits).filter(|_| qubits < 120))
            .unwrap_or(u128::MAX)
    }

    pub(crate) fn qubits(&self) -> usize {
        self.re.len().trailing_zeros() as usize
    }

    /// Adds qubits in |0⟩ as the highest ones.
    pub(crate) fn grow(
        &mut self,
        qubits: usize,
        config: &ExecConfig,
        stop: &Stop,
    ) -> Result<(), NoState> {
        let length = u32::try_from(qubits)
            .ok()
            .and_then(|qubits| 1_usize.checked_shl(qubits))
            .ok_or(NoState::OutOfMemory)?;
        for part in [&mut self.re, &mut self.im] {
            if part.len() < SMALL {
                // Fresh memory is zero already.
                let mut grown = bytemuck::allocation::try_zeroed_vec(length.max(part.len()))
                    .map_err(|()| NoState::OutOfMemory)?;
                prefault(&mut grown, config, stop)?;
                grown[..part.len()].copy_from_slice(part);
                *part = grown;
                continue;
            }
            // A large state must not be in memory twice.
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

    pub(crate) fn try_clone(&self, stop: &Stop) -> Result<Self, NoState> {
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

    /// The weights of a qubit's outcomes 0 and 1; their sum is 1 up to rounding.
    pub(crate) fn weights(
        &self,
        qubit: usize,
        config: &ExecConfig,
        stop: &Stop,
    ) -> Result<[f64; 2], Stopped> {
        let half = 1_usize << qubit;
        let mut weights = [0.0, 0.0];
        if half >= BLOCK {
            let blocks = self.block_weights(config, stop)?;
            for (number, weight) in blocks.iter().enumerate() {
                weights[usize::from((number * BLOCK) & half != 0)] += weight;
            }
            return Ok(weights);
        }
        let blocks = self.each_block(config, stop, [0.0, 0.0], |re, im| {
            let of = |value| {
                let level = config.level;
                level.run(Weight {
                    re,
                    im,
                    bits: half,
                    value,
                })
            };
            [of(0), of(half)]
        })?;
        for [zero, one] in blocks {
            weights[0] += zero;
            weights[1] += one;
        }
        Ok(weights)
    }

    /// The sums of the probabilities of each `BLOCK` neighbours, in order. They do not depend on
    /// the number of threads.
    pub(crate) fn block_weights(
        &self,
        config: &ExecConfig,
        stop: &Stop,
    ) -> Result<Vec<f64>, Stopped> {
        self.each_block(config, stop, 0.0, |re, im| weight(config.level, re, im))
    }

    /// The result of `find` for each block, in order.
    fn each_block<T: Copy + Send>(
        &self,
        config: &ExecConfig,
        stop: &Stop,
        none: T,
        find: impl Fn(&[f64], &[f64]) -> T + Sync,
    ) -> Result<Vec<T>, Stopped> {
        let mut found = vec![none; self.re.len().div_ceil(BLOCK)];
        let chunks = self.re.chunks(CHUNK).zip(self.im.chunks(CHUNK));
        let pieces = chunks.zip(found.chunks_mut(CHUNK / BLOCK)).collect();
        let threads = config.threads(self.re.len() as u64);
        parallel_for(pieces, threads, || {
            |((re, im), found): ((&[f64], &[f64]), &mut [T])| {
                stop.check()?;
                let blocks = re.chunks(BLOCK).zip(im.chunks(BLOCK));
                for ((re, im), found) in blocks.zip(found) {
                    *found = find(re, im);
                }
                Ok(())
            }
        })?;
        Ok(found)
    }

    /// Projects the qubit onto that value and scales the remaining amplitudes.
    pub(crate) fn collapse(
        &mut self,
        qubit: usize,
        value: bool,
        scale: f64,
        config: &ExecConfig,
        stop: &Stop,
    ) -> Result<(), Stopped> {
        let bit = 1_usize << qubit;
        let factor = |index: usize| {
            if (index & bit != 0) == value {
                scale
            } else {
                0.0
            }
        };
        let threads = config.threads(self.re.len() as u64);
        let chunks = self.re.chunks_mut(CHUNK).zip(self.im.chunks_mut(CHUNK));
        parallel_for(chunks.enumerate().collect(), threads, || {
            |(number, (re, im)): (usize, (&mut [f64], &mut [f64]))| {
                stop.check()?;
                for part in [re, im] {
                    for (place, run) in part.chunks_mut(bit.max(LANES)).enumerate() {
                        let first = number * CHUNK + place * bit.max(LANES);
                        let factors: [f64; LANES] =
                            std::array::from_fn(|lane| factor(first + lane));
                        for lanes in run.chunks_mut(LANES) {
                            lanes.iter_mut().zip(factors).for_each(|(a, by)| *a *= by);
                        }
                    }
                }
                Ok(())
            }
        })
    }

    /// The probabilities of the values of the qubits in the mask, by those bits of the index, in order; `None` if
    /// more than `most` of them are above rounding.
    pub(crate) fn marginals(
        &self,
        mask: usize,
        most: usize,
        config: &ExecConfig,
        stop: &Stop,
    ) -> Result<Option<BTreeMap<usize, f64>>, Stopped> {
        /// Weights up to this are rounding.
        const NOISE: f64 = 1e-24;
        let norm = self.norm(config, stop)?;
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

    /// The sum of all probabilities: 1 up to rounding.
    fn norm(&self, config: &ExecConfig, stop: &Stop) -> Result<f64, Stopped> {
        let blocks = self.block_weights(config, stop)?;
        Ok(blocks.iter().sum())
    }
}

/// Pre-faults fresh memory by writing to it. Memory that is read first faults twice, and the second fault disturbs
/// the other cores.
fn prefault(part: &mut [f64], config: &ExecConfig, stop: &Stop) -> Result<(), Stopped> {
    let threads = config.threads(part.len() as u64);
    parallel_for(part.chunks_mut(PIECE).collect(), threads, || {
        |piece: &mut [f64]| {
            stop.check()?;
            for first in piece.iter_mut().step_by(PAGE) {
                // Hidden from the compiler, which would remove a store that changes nothing.
                *first = std::hint::black_box(0.0);
            }
            Ok(())
        }
    })
}

/// The sum of the probabilities of consecutive amplitudes.
pub(crate) fn weight(level: Level, re: &[f64], im: &[f64]) -> f64 {
    level.run(Weight {
        re,
        im,
        bits: 0,
        value: 0,
    })
}

/// The sum of the probabilities of the amplitudes whose indices have given values in some bits.
struct Weight<'a> {
    re: &'a [f64],
    im: &'a [f64],
    bits: usize,
    value: usize,
}

impl Work for Weight<'_> {
    type Output = f64;

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a kernel")]
    fn run<L: Lanes>(self, lanes: L) -> f64 {
        let Self {
            re,
            im,
            bits,
            value,
        } = self;
        let size = 1_usize << L::LOG;
        let whole = re.len() / size * size;
        let mut sum = 0.0;
        for place in whole..re.len() {
            if place & bits == value {
                sum += re[place] * re[place] + im[place] * im[place];
            }
        }
        let (re, im) = (L::view(re), L::view(im));
        let (fixed, wanted) = (bits / size, value / size);
        let zero = lanes.splat(0.0);
        let mut sums = [zero; 4];
        let (mut free, mut number) = (0, 0);
        while free < re.len() {
            let place = free | wanted;
            free = ((free | fixed) + 1) & !fixed;
            let (r, i) = (lanes.load(&re[place]), lanes.load(&im[place]));
            sums[number & 3] = lanes.mul_add(i, i, lanes.mul_add(r, r, sums[number & 3]));
            number += 1;
        }
        let mut columns = [0.0; LANES];
        for partial in sums {
            let mut stored = [0.0; LANES];
            lanes.store(&mut L::view_mut(&mut stored)[0], partial);
            for lane in 0..LANES {
                columns[lane] += stored[lane];
            }
        }
        let low_bits = bits & (size - 1);
        for (lane, column) in columns.iter().enumerate().take(size) {
            if lane & low_bits == value & low_bits {
                sum += column;
            }
        }
        sum
    }
}
