//! Gates on a statevector. Every kernel works on independent runs of amplitudes and checks the stop flag between
//! chunks.
#![allow(
    clippy::indexing_slicing,
    clippy::many_single_char_names,
    clippy::needless_pass_by_value,
    reason = "hot loops; slices are cut to equal lengths before they are indexed"
)]

use crate::ir::complex::{Complex, Matrix};
use crate::resources::stop::{Stop, Stopped};
use crate::statevector::op::Op;
use crate::statevector::state::{CHUNK, State};

pub(crate) fn apply(state: &mut State, op: &Op, stop: &Stop) -> Result<(), Stopped> {
    match op {
        Op::Unitary {
            target,
            on,
            value,
            matrix,
        } => {
            let bit = 1_u64 << target;
            if matrix.is_diagonal() && (*on == 0 || matrix.a == Complex::ONE) {
                // Without controls only the phase between the two values matters.
                let factor = matrix.d * matrix.a.conj();
                return phase(state, on | bit, value | bit, factor, stop);
            }
            if *on == 0 {
                return one_qubit(state, usize::from(*target), matrix, stop);
            }
            let selection = Selection::new(on | bit, *value, state.qubits());
            selection.pairs(state, bit, stop, |lo, hi| dense(lo, hi, matrix))
        }
        Op::Phase { on, value, factor } => phase(state, *on, *value, *factor, stop),
        Op::Swap { a, b, on, value } => {
            let (a, b) = (1_u64 << a, 1_u64 << b);
            let selection = Selection::new(on | a | b, value | a, state.qubits());
            selection.swap(state, a, b, stop)
        }
    }
}

/// A run of amplitudes.
struct Run<'a> {
    re: &'a mut [f64],
    im: &'a mut [f64],
}

/// The indices with given values in some bits, as runs of neighbours no longer than a chunk.
struct Selection {
    /// Fixed bits, lowest first.
    fixed: Vec<u32>,
    value: usize,
    run: usize,
    count: usize,
}

impl Selection {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "indices of amplitudes fit usize"
    )]
    fn new(mask: u64, value: u64, qubits: usize) -> Self {
        let fixed: Vec<u32> = (0..64).filter(|bit| mask >> bit & 1 == 1).collect();
        let lowest = fixed
            .first()
            .map_or(0, |bit| (*bit).min(CHUNK.trailing_zeros()));
        Self {
            value: value as usize,
            run: 1 << lowest,
            count: 1 << (qubits - fixed.len() - lowest as usize),
            fixed,
        }
    }

    /// The first index of the run with that number.
    fn start(&self, number: usize) -> usize {
        let mut index = number * self.run;
        for bit in &self.fixed {
            let low = index & ((1 << bit) - 1);
            index = (index ^ low) << 1 | low;
        }
        index | self.value
    }

    /// Runs between two checks of the stop flag.
    fn group(&self) -> usize {
        (CHUNK / self.run).max(1)
    }

    fn each(&self, stop: &Stop, mut work: impl FnMut(usize)) -> Result<(), Stopped> {
        let group = self.group();
        for first in (0..self.count).step_by(group) {
            stop.check()?;
            for number in first..(first + group).min(self.count) {
                work(self.start(number));
            }
        }
        Ok(())
    }

    /// Calls back with the runs where `bit` is 0 and where it is 1. In `value` that bit is 0.
    fn pairs(
        &self,
        state: &mut State,
        bit: u64,
        stop: &Stop,
        mut work: impl FnMut(Run<'_>, Run<'_>),
    ) -> Result<(), Stopped> {
        let distance = usize::try_from(bit).unwrap_or(usize::MAX);
        let run = self.run;
        let State { re, im } = state;
        self.each(stop, |start| {
            let (re_lo, re_hi) = re[start..].split_at_mut(distance);
            let (im_lo, im_hi) = im[start..].split_at_mut(distance);
            work(
                Run {
                    re: &mut re_lo[..run],
                    im: &mut im_lo[..run],
                },
                Run {
                    re: &mut re_hi[..run],
                    im: &mut im_hi[..run],
                },
            );
        })
    }

    /// Exchanges each selected amplitude (`a` is 1, `b` is 0) with the one where they are reversed.
    fn swap(&self, state: &mut State, a: u64, b: u64, stop: &Stop) -> Result<(), Stopped> {
        let flip = usize::try_from(a | b).unwrap_or(usize::MAX);
        let run = self.run;
        let State { re, im } = state;
        self.each(stop, |start| {
            let other = start ^ flip;
            let (low, high) = (start.min(other), start.max(other));
            for part in [&mut *re, &mut *im] {
                let (left, right) = part.split_at_mut(high);
                left[low..low + run].swap_with_slice(&mut right[..run]);
            }
        })
    }
}

fn phase(
    state: &mut State,
    on: u64,
    value: u64,
    factor: Complex,
    stop: &Stop,
) -> Result<(), Stopped> {
    let selection = Selection::new(on, value, state.qubits());
    let run = selection.run;
    let State { re, im } = state;
    selection.each(stop, |start| {
        for (re, im) in re[start..start + run]
            .iter_mut()
            .zip(&mut im[start..start + run])
        {
            let (r, i) = (*re, *im);
            *re = r * factor.re - i * factor.im;
            *im = r * factor.im + i * factor.re;
        }
    })
}

/// Applies the matrix to pairs of amplitudes; permutations move them without arithmetic.
fn dense(lo: Run<'_>, hi: Run<'_>, matrix: &Matrix) {
    if matrix.is_antidiagonal() && matrix.b == Complex::ONE && matrix.c == Complex::ONE {
        lo.re.swap_with_slice(hi.re);
        lo.im.swap_with_slice(hi.im);
        return;
    }
    let Matrix { a, b, c, d } = *matrix;
    let n = lo.re.len();
    let (lo_im, hi_re, hi_im) = (&mut lo.im[..n], &mut hi.re[..n], &mut hi.im[..n]);
    let lo_re = lo.re;
    for k in 0..n {
        let (r0, i0, r1, i1) = (lo_re[k], lo_im[k], hi_re[k], hi_im[k]);
        lo_re[k] = a.re * r0 - a.im * i0 + b.re * r1 - b.im * i1;
        lo_im[k] = a.re * i0 + a.im * r0 + b.re * i1 + b.im * r1;
        hi_re[k] = c.re * r0 - c.im * i0 + d.re * r1 - d.im * i1;
        hi_im[k] = c.re * i0 + c.im * r0 + d.re * i1 + d.im * r1;
    }
}

/// Applies a matrix without controls.
fn one_qubit(
    state: &mut State,
    target: usize,
    matrix: &Matrix,
    stop: &Stop,
) -> Result<(), Stopped> {
    let half = 1_usize << target;
    if half > CHUNK {
        let selection = Selection::new(1 << target, 0, state.qubits());
        return selection.pairs(state, 1 << target, stop, |lo, hi| dense(lo, hi, matrix));
    }
    for (re, im) in state
        .re
        .chunks_mut(2 * CHUNK)
        .zip(state.im.chunks_mut(2 * CHUNK))
    {
        stop.check()?;
        match target {
            0 => small::<2>(re, im, matrix),
            1 => small::<4>(re, im, matrix),
            2 => small::<8>(re, im, matrix),
            _ => {
                for (re, im) in re
                    .chunks_exact_mut(2 * half)
                    .zip(im.chunks_exact_mut(2 * half))
                {
                    let (re_lo, re_hi) = re.split_at_mut(half);
                    let (im_lo, im_hi) = im.split_at_mut(half);
                    dense(
                        Run {
                            re: re_lo,
                            im: im_lo,
                        },
                        Run {
                            re: re_hi,
                            im: im_hi,
                        },
                        matrix,
                    );
                }
            }
        }
    }
    Ok(())
}

/// Pairs that lie within `B` neighbours: the compiler unrolls this.
fn small<const B: usize>(re: &mut [f64], im: &mut [f64], matrix: &Matrix) {
    let Matrix { a, b, c, d } = *matrix;
    let (re_blocks, _) = re.as_chunks_mut::<B>();
    let (im_blocks, _) = im.as_chunks_mut::<B>();
    for (re, im) in re_blocks.iter_mut().zip(im_blocks) {
        for lo in 0..B / 2 {
            let hi = lo + B / 2;
            let (r0, i0, r1, i1) = (re[lo], im[lo], re[hi], im[hi]);
            re[lo] = a.re * r0 - a.im * i0 + b.re * r1 - b.im * i1;
            im[lo] = a.re * i0 + a.im * r0 + b.re * i1 + b.im * r1;
            re[hi] = c.re * r0 - c.im * i0 + d.re * r1 - d.im * i1;
            im[hi] = c.re * i0 + c.im * r0 + d.re * i1 + d.im * r1;
        }
    }
}
