//! Exact means of Pauli strings in a statevector.
//!
//! Strings that flip the same qubits share the products `conj(a[k ^ x]) a[k]`. A Walsh–Hadamard transform of a block of
//! products has the signed sums of the block for all strings, so that a further string costs one addition for each block.
#![allow(
    clippy::indexing_slicing,
    clippy::inline_always,
    reason = "a kernel over blocks of equal length"
)]

use crate::resources::stop::{Stop, Stopped};
use crate::statevector::exec_config::ExecConfig;
use crate::statevector::parallel::parallel_for;
use crate::statevector::simd::{Lanes, Level, Work};
use crate::statevector::state::{BLOCK, CHUNK, State};
use std::collections::BTreeMap;

/// Maximum number of chunks: each has a sum for each string.
const MAX_CHUNKS: usize = 64;
/// Amplitudes of one unrolled transform.
const UNROLLED: usize = 8;

/// A Pauli string on the qubits of a state: which qubits it flips, and which it gives a sign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PauliMasks {
    pub x: usize,
    pub z: usize,
}

impl PauliMasks {
    /// Factors Y, each of which is `i` times X times Z.
    fn ys(self) -> u32 {
        (self.x & self.z).count_ones()
    }
}

/// Strings that need the same products.
struct MaskGroup {
    x: usize,
    /// Whether the imaginary parts of the products are needed: an odd number of Ys.
    is_imaginary: bool,
    /// The number of each string, its sign mask, and the factor of its sum.
    members: Vec<(usize, usize, f64)>,
}

/// The mean of each string. It does not depend on the number of threads.
pub(crate) fn means(
    state: &State,
    strings: &[PauliMasks],
    config: &ExecConfig,
    stop: &Stop,
) -> Result<Vec<f64>, Stopped> {
    let norm: f64 = state.block_weights(config, stop)?.iter().sum();
    let groups = group(strings);
    let length = state.re.len();
    let chunk = CHUNK.max(length / MAX_CHUNKS);
    let mut sums = vec![vec![0.0; strings.len()]; length.div_ceil(chunk)];
    let work = (length as u64).saturating_mul(groups.len() as u64);
    let pieces = sums.iter_mut().enumerate().collect();
    parallel_for(pieces, config.threads(work), || {
        let mut products = vec![0.0; BLOCK.min(length)];
        let groups = &groups;
        move |(number, sums): (usize, &mut Vec<f64>)| {
            let last = length.min((number + 1) * chunk);
            for base in (number * chunk..last).step_by(products.len()) {
                stop.check()?;
                for group in groups {
                    add_block(state, base, group, config.level, &mut products, sums);
                }
            }
            Ok(())
        }
    })?;
    let total = |place: usize| sums.iter().map(|sums| sums[place]).sum::<f64>() / norm;
    Ok((0..strings.len())
        .map(|place| total(place).clamp(-1.0, 1.0))
        .collect())
}

fn group(strings: &[PauliMasks]) -> Vec<MaskGroup> {
    let mut groups: BTreeMap<(usize, bool), MaskGroup> = BTreeMap::new();
    for (number, masks) in strings.iter().enumerate() {
        let is_imaginary = masks.ys() % 2 == 1;
        // i, i², i³, 1 times i for an imaginary product.
        let factor = if matches!(masks.ys() % 4, 1 | 2) {
            -1.0
        } else {
            1.0
        };
        let group = groups
            .entry((masks.x, is_imaginary))
            .or_insert_with(|| MaskGroup {
                x: masks.x,
                is_imaginary,
                members: Vec::new(),
            });
        group.members.push((number, masks.z, factor));
    }
    groups.into_values().collect()
}

/// Adds the sums of a block of amplitudes for all strings of a group.
fn add_block(
    state: &State,
    base: usize,
    group: &MaskGroup,
    level: Level,
    products: &mut [f64],
    sums: &mut [f64],
) {
    let size = products.len();
    let (flip, moved) = (group.x & (size - 1), group.x & !(size - 1));
    // The products of two blocks that are exchanged are conjugates of each other, with equal sums.
    let times = match moved.checked_ilog2() {
        None => 1.0,
        Some(top) if base >> top & 1 == 1 => return,
        Some(_) => 2.0,
    };
    let other = base ^ moved;
    level.run(Products {
        own: [&state.re[base..base + size], &state.im[base..base + size]],
        other: [
            &state.re[other..other + size],
            &state.im[other..other + size],
        ],
        flip,
        is_imaginary: group.is_imaginary,
        into: products,
    });
    for (number, z, factor) in &group.members {
        let sum = times * factor * products[z & (size - 1)];
        let is_negative = (base & z).count_ones() % 2 == 1;
        sums[*number] += if is_negative { -sum } else { sum };
    }
}

/// The transformed products of a block.
struct Products<'a> {
    own: [&'a [f64]; 2],
    other: [&'a [f64]; 2],
    /// Qubits within the block that the strings flip.
    flip: usize,
    is_imaginary: bool,
    into: &'a mut [f64],
}

impl Work for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        let Self {
            own: [re, im],
            other: [other_re, other_im],
            flip,
            is_imaginary,
            into: products,
        } = self;
        let own = (re, im);
        let other = (other_re, other_im);
        if products.len() < UNROLLED {
            for (place, product) in products.iter_mut().enumerate() {
                let (r, i) = (re[place], im[place]);
                let (other_r, other_i) = (other_re[place ^ flip], other_im[place ^ flip]);
                *product = if is_imaginary {
                    other_r * i - other_i * r
                } else {
                    r * other_r + i * other_i
                };
            }
        } else {
            // The lanes of a flip are constants, so that the compiler can exchange them within vectors.
            match (flip & (UNROLLED - 1), is_imaginary) {
                (0, false) => multiply::<0, false>(own, other, flip, products),
                (1, false) => multiply::<1, false>(own, other, flip, products),
                (2, false) => multiply::<2, false>(own, other, flip, products),
                (3, false) => multiply::<3, false>(own, other, flip, products),
                (4, false) => multiply::<4, false>(own, other, flip, products),
                (5, false) => multiply::<5, false>(own, other, flip, products),
                (6, false) => multiply::<6, false>(own, other, flip, products),
                (_, false) => multiply::<7, false>(own, other, flip, products),
                (0, true) => multiply::<0, true>(own, other, flip, products),
                (1, true) => multiply::<1, true>(own, other, flip, products),
                (2, true) => multiply::<2, true>(own, other, flip, products),
                (3, true) => multiply::<3, true>(own, other, flip, products),
                (4, true) => multiply::<4, true>(own, other, flip, products),
                (5, true) => multiply::<5, true>(own, other, flip, products),
                (6, true) => multiply::<6, true>(own, other, flip, products),
                (_, true) => multiply::<7, true>(own, other, flip, products),
            }
        }
        transform(products);
    }
}

/// The products of blocks of whole vectors; `LANES` are the lowest qubits that are flipped.
#[inline(always)]
fn multiply<const LANES: usize, const IMAGINARY: bool>(
    (re, im): (&[f64], &[f64]),
    (other_re, other_im): (&[f64], &[f64]),
    flip: usize,
    products: &mut [f64],
) {
    let (re, _) = re.as_chunks::<UNROLLED>();
    let (im, _) = im.as_chunks::<UNROLLED>();
    let (other_re, _) = other_re.as_chunks::<UNROLLED>();
    let (other_im, _) = other_im.as_chunks::<UNROLLED>();
    let (products, _) = products.as_chunks_mut::<UNROLLED>();
    let own = re.iter().zip(im);
    for (number, ((r, i), products)) in own.zip(products).enumerate() {
        let from = number ^ (flip / UNROLLED);
        let (other_r, other_i) = (&other_re[from], &other_im[from]);
        for lane in 0..UNROLLED {
            let (other_r, other_i) = (other_r[lane ^ LANES], other_i[lane ^ LANES]);
            products[lane] = if IMAGINARY {
                other_r * i[lane] - other_i * r[lane]
            } else {
                r[lane] * other_r + i[lane] * other_i
            };
        }
    }
}

/// Replaces each number by the sum of all, where those whose index has an odd number of ones in common with its own
/// index get a minus.
#[inline(always)]
fn transform(values: &mut [f64]) {
    let mut half = 1;
    if values.len() >= UNROLLED {
        let (blocks, _) = values.as_chunks_mut::<UNROLLED>();
        for block in blocks {
            let [v0, v1, v2, v3, v4, v5, v6, v7] = *block;
            let (v0, v1, v2, v3) = (v0 + v1, v0 - v1, v2 + v3, v2 - v3);
            let (v4, v5, v6, v7) = (v4 + v5, v4 - v5, v6 + v7, v6 - v7);
            let (v0, v1, v2, v3) = (v0 + v2, v1 + v3, v0 - v2, v1 - v3);
            let (v4, v5, v6, v7) = (v4 + v6, v5 + v7, v4 - v6, v5 - v7);
            let [low, high] = [[v0, v1, v2, v3], [v4, v5, v6, v7]];
            for (place, (low, high)) in low.into_iter().zip(high).enumerate() {
                block[place] = low + high;
                block[place + UNROLLED / 2] = low - high;
            }
        }
        half = UNROLLED;
    }
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                (*low, *high) = (*low + *high, *low - *high);
            }
        }
        half *= 2;
    }
}
