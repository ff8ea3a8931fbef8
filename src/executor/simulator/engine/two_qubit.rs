//! Dense two-qubit matrices: what several neighbouring gates on one pair of qubits become.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "hot loops over arrays and slices of equal length"
)]

use super::super::complex::{Complex, Matrix};
use super::super::stop::{Stop, Stopped};
use super::kernels::Op;
use super::state::{CHUNK, State};

/// A 4×4 matrix. Bit 0 of an index is the lower qubit, bit 1 the higher.
pub(super) type Matrix4 = [[Complex; 4]; 4];

pub(super) const IDENTITY4: Matrix4 = {
    let mut matrix = [[Complex::ZERO; 4]; 4];
    matrix[0][0] = Complex::ONE;
    matrix[1][1] = Complex::ONE;
    matrix[2][2] = Complex::ONE;
    matrix[3][3] = Complex::ONE;
    matrix
};

/// Applies an operation on the qubits `low` and `high` after the matrix.
pub(super) fn follow(matrix: &mut Matrix4, op: &Op, low: u8) {
    let bit = |qubit: u8| if qubit == low { 1_usize } else { 2 };
    let local = |mask: u64| {
        let lower = usize::from(mask >> low & 1 == 1);
        // What is left is the higher qubit.
        lower | if mask & !(1 << low) == 0 { 0 } else { 2 }
    };
    match op {
        Op::Unitary {
            target,
            on,
            value,
            matrix: gate,
        } => {
            let (target, on, value) = (bit(*target), local(*on), local(*value));
            for row in 0..4_usize {
                if row & target == 0 && row & on == value {
                    rotate(matrix, row, row | target, gate);
                }
            }
        }
        Op::Phase { on, value, factor } => {
            let (on, value) = (local(*on), local(*value));
            for (_, row) in matrix
                .iter_mut()
                .enumerate()
                .filter(|(row, _)| row & on == value)
            {
                for element in row {
                    *element = *element * *factor;
                }
            }
        }
        Op::Swap { .. } => matrix.swap(1, 2),
    }
}

fn rotate(matrix: &mut Matrix4, low: usize, high: usize, gate: &Matrix) {
    for column in 0..4 {
        let (first, second) = (matrix[low][column], matrix[high][column]);
        matrix[low][column] = gate.a * first + gate.b * second;
        matrix[high][column] = gate.c * first + gate.d * second;
    }
}

/// Applies the matrix to the qubits `low` < `high`.
pub(super) fn apply(
    state: &mut State,
    low: u8,
    high: u8,
    matrix: &Matrix4,
    stop: &Stop,
) -> Result<(), Stopped> {
    let (near, far) = (1_usize << low, 1_usize << high);
    let mut since_check = CHUNK;
    let blocks = state
        .re
        .chunks_exact_mut(2 * far)
        .zip(state.im.chunks_exact_mut(2 * far));
    for (re, im) in blocks {
        let (re_0, re_1) = re.split_at_mut(far);
        let (im_0, im_1) = im.split_at_mut(far);
        // Pieces of at most a chunk that hold whole pairs of the near qubit.
        let piece = far.min(CHUNK.max(2 * near));
        let lows = re_0
            .chunks_exact_mut(piece)
            .zip(im_0.chunks_exact_mut(piece));
        let highs = re_1
            .chunks_exact_mut(piece)
            .zip(im_1.chunks_exact_mut(piece));
        for ((re_0, im_0), (re_1, im_1)) in lows.zip(highs) {
            since_check += 2 * piece;
            if since_check >= CHUNK {
                stop.check()?;
                since_check = 0;
            }
            match low {
                0 if piece < 4 => small::<2, 1, 1>([re_0, im_0, re_1, im_1], matrix),
                0 => small::<4, 1, 2>([re_0, im_0, re_1, im_1], matrix),
                1 => small::<4, 2, 2>([re_0, im_0, re_1, im_1], matrix),
                2 => small::<8, 4, 2>([re_0, im_0, re_1, im_1], matrix),
                _ => wide([re_0, im_0, re_1, im_1], near, matrix),
            }
        }
    }
    Ok(())
}

fn wide(parts: [&mut [f64]; 4], near: usize, matrix: &Matrix4) {
    let [re_0, im_0, re_1, im_1] = parts;
    let lows = re_0
        .chunks_exact_mut(2 * near)
        .zip(im_0.chunks_exact_mut(2 * near));
    let highs = re_1
        .chunks_exact_mut(2 * near)
        .zip(im_1.chunks_exact_mut(2 * near));
    for ((re_0, im_0), (re_1, im_1)) in lows.zip(highs) {
        let (r0, r1) = re_0.split_at_mut(near);
        let (i0, i1) = im_0.split_at_mut(near);
        let (r2, r3) = re_1.split_at_mut(near);
        let (i2, i3) = im_1.split_at_mut(near);
        runs([r0, r1, r2, r3], [i0, i1, i2, i3], matrix);
    }
}

fn runs(re: [&mut [f64]; 4], im: [&mut [f64]; 4], matrix: &Matrix4) {
    // Whole lanes are read before any is written, so that slices that might overlap for all the
    // compiler knows do not keep it from vector code. Runs are powers of two of at least 8.
    let [r0, r1, r2, r3] = re.map(|part| part.as_chunks_mut::<LANES>().0);
    let [i0, i1, i2, i3] = im.map(|part| part.as_chunks_mut::<LANES>().0);
    let lower = r0.iter_mut().zip(i0).zip(r1.iter_mut().zip(i1));
    let upper = r2.iter_mut().zip(i2).zip(r3.iter_mut().zip(i3));
    for (((r0, i0), (r1, i1)), ((r2, i2), (r3, i3))) in lower.zip(upper) {
        let old_re = [*r0, *r1, *r2, *r3];
        let old_im = [*i0, *i1, *i2, *i3];
        (*r0, *i0) = lanes(&matrix[0], &old_re, &old_im);
        (*r1, *i1) = lanes(&matrix[1], &old_re, &old_im);
        (*r2, *i2) = lanes(&matrix[2], &old_re, &old_im);
        (*r3, *i3) = lanes(&matrix[3], &old_re, &old_im);
    }
}

const LANES: usize = 4;

#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "the loop around it must become vector code"
)]
fn lanes<const L: usize>(
    row: &[Complex; 4],
    re: &[[f64; L]; 4],
    im: &[[f64; L]; 4],
) -> ([f64; L], [f64; L]) {
    let (mut sum_re, mut sum_im) = ([0.0; L], [0.0; L]);
    for k in 0..4 {
        for lane in 0..L {
            sum_re[lane] += row[k].re * re[k][lane] - row[k].im * im[k][lane];
            sum_im[lane] += row[k].re * im[k][lane] + row[k].im * re[k][lane];
        }
    }
    (sum_re, sum_im)
}

/// The near pairs are `NEAR` apart: `PIECE` amplitudes hold a whole number of them, `L` are worked on at once. The compiler
/// unrolls this.
fn small<const PIECE: usize, const NEAR: usize, const L: usize>(
    parts: [&mut [f64]; 4],
    matrix: &Matrix4,
) {
    let place = |lane: usize, far: usize| lane % NEAR + lane / NEAR * 2 * NEAR + far;
    let [re_0, im_0, re_1, im_1] = parts.map(|part| part.as_chunks_mut::<PIECE>().0);
    let lows = re_0.iter_mut().zip(im_0);
    let highs = re_1.iter_mut().zip(im_1);
    for ((re_0, im_0), (re_1, im_1)) in lows.zip(highs) {
        for first in (0..PIECE / 2).step_by(L) {
            let pick = |part: &[f64; PIECE], far: usize| -> [f64; L] {
                std::array::from_fn(|lane| part[place(first + lane, far)])
            };
            let old_re = [
                pick(re_0, 0),
                pick(re_0, NEAR),
                pick(re_1, 0),
                pick(re_1, NEAR),
            ];
            let old_im = [
                pick(im_0, 0),
                pick(im_0, NEAR),
                pick(im_1, 0),
                pick(im_1, NEAR),
            ];
            let new = [0, 1, 2, 3].map(|row| lanes(&matrix[row], &old_re, &old_im));
            for lane in 0..L {
                let (near, far) = (place(first + lane, 0), place(first + lane, NEAR));
                (re_0[near], im_0[near]) = (new[0].0[lane], new[0].1[lane]);
                (re_0[far], im_0[far]) = (new[1].0[lane], new[1].1[lane]);
                (re_1[near], im_1[near]) = (new[2].0[lane], new[2].1[lane]);
                (re_1[far], im_1[far]) = (new[3].0[lane], new[3].1[lane]);
            }
        }
    }
}
