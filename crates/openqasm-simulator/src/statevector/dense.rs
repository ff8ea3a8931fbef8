//! Matrices on one or two qubits of a tile, in vectors.
//!
//! A target below the logarithm of the vector's length pairs lanes of one vector: each new lane is a sum over the
//! vector and the same vector with its lanes exchanged, with a coefficient for every lane. Any other target pairs
//! whole vectors. Controls among the lanes are part of the coefficients.
#![allow(
    clippy::indexing_slicing,
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "hot loops over fixed arrays; the indices of vectors are below their number by construction"
)]

use crate::ir::complex::{Complex, Matrix};
use crate::statevector::simd::{Lanes, Level, Work};
use crate::statevector::two_qubit::Matrix4;

/// Maximum numbers of a vector.
const MOST_LANES: usize = 8;

/// A matrix prepared for the vectors of one instruction set.
#[derive(Debug)]
pub(crate) struct Dense {
    /// Real and imaginary parts of the coefficients, each a vector, one after another.
    coefficients: Vec<f64>,
    /// Targets within a vector, in ascending order.
    low: Vec<u32>,
    /// The other targets, as bits of vector indices.
    high: Vec<usize>,
    /// Bits of vector indices that controls fix, and their values.
    on: usize,
    value: usize,
}

/// The element of a matrix on up to two qubits; bit `k` of row and column is the `k`-th target.
trait Elements {
    fn element(&self, row: usize, column: usize) -> Complex;
}

impl Elements for Matrix {
    fn element(&self, row: usize, column: usize) -> Complex {
        match (row, column) {
            (0, 0) => self.a,
            (0, _) => self.b,
            (_, 0) => self.c,
            _ => self.d,
        }
    }
}

impl Elements for Matrix4 {
    fn element(&self, row: usize, column: usize) -> Complex {
        self[row & 3][column & 3]
    }
}

impl Dense {
    /// A matrix on one qubit. Qubits are those of the tile.
    pub(crate) fn single(target: u8, on: u64, value: u64, matrix: &Matrix, level: Level) -> Self {
        Self::new(&[u32::from(target)], on, value, matrix, level.log())
    }

    /// A matrix on two qubits, `low < high`.
    pub(crate) fn pair(
        [low, high]: [u8; 2],
        on: u64,
        value: u64,
        matrix: &Matrix4,
        level: Level,
    ) -> Self {
        let targets = [u32::from(low), u32::from(high)];
        Self::new(&targets, on, value, matrix, level.log())
    }

    #[allow(clippy::cast_possible_truncation, reason = "qubits of a part are few")]
    fn new(targets: &[u32], on: u64, value: u64, matrix: &impl Elements, log: u32) -> Self {
        let lanes = 1_usize << log;
        let (low, high): (Vec<u32>, Vec<u32>) = targets.iter().partition(|target| **target < log);
        let mut coefficients = Vec::with_capacity(32 * lanes);
        let (rows, flips) = (1_usize << high.len(), 1_usize << low.len());
        let (on_lane, value_lane) = (on as usize & (lanes - 1), value as usize & (lanes - 1));
        for row in 0..rows {
            for column in 0..rows {
                for flip in 0..flips {
                    let element = |lane: usize| {
                        if lane & on_lane != value_lane {
                            let is_same = row == column && flip == 0;
                            return if is_same { Complex::ONE } else { Complex::ZERO };
                        }
                        let within = low
                            .iter()
                            .enumerate()
                            .fold(0, |bits, (place, bit)| bits | (lane >> bit & 1) << place);
                        let of = |high: usize, within: usize| high << low.len() | within;
                        matrix.element(of(row, within), of(column, within ^ flip))
                    };
                    coefficients.extend((0..lanes).map(|lane| element(lane).re));
                    coefficients.extend((0..lanes).map(|lane| element(lane).im));
                }
            }
        }
        Self {
            coefficients,
            low,
            high: high.iter().map(|bit| 1 << (bit - log)).collect(),
            on: on as usize >> log,
            value: value as usize >> log,
        }
    }

    /// Applies the matrix to a tile of at least two vectors.
    pub(crate) fn apply(&self, re: &mut [f64], im: &mut [f64], level: Level) {
        level.run(Apply {
            dense: self,
            re,
            im,
        });
    }
}

struct Apply<'a> {
    dense: &'a Dense,
    re: &'a mut [f64],
    im: &'a mut [f64],
}

impl Work for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { dense, re, im } = self;
        debug_assert!(1 << L::LOG <= MOST_LANES);
        let (re, im) = (L::view_mut(re), L::view_mut(im));
        let work = Vectors {
            lanes,
            coefficients: L::view(&dense.coefficients),
            on: dense.on,
            value: dense.value,
            re,
            im,
        };
        match (dense.low.as_slice(), dense.high.as_slice()) {
            ([], [high]) => work.each::<2, 1, 0, 0>([0, *high]),
            ([], [near, far]) => work.each::<4, 1, 0, 0>([0, *near, *far, near | far]),
            ([0], []) => work.each::<1, 2, 0, 0>([0]),
            ([1], []) => work.each::<1, 2, 1, 0>([0]),
            ([_], []) => work.each::<1, 2, 2, 0>([0]),
            ([0], [high]) => work.each::<2, 2, 0, 0>([0, *high]),
            ([1], [high]) => work.each::<2, 2, 1, 0>([0, *high]),
            ([_], [high]) => work.each::<2, 2, 2, 0>([0, *high]),
            ([0, 1], _) => work.each::<1, 4, 0, 1>([0]),
            ([0, _], _) => work.each::<1, 4, 0, 2>([0]),
            _ => work.each::<1, 4, 1, 2>([0]),
        }
    }
}

struct Vectors<'a, L: Lanes> {
    lanes: L,
    coefficients: &'a [L::Memory],
    on: usize,
    value: usize,
    re: &'a mut [L::Memory],
    im: &'a mut [L::Memory],
}

impl<L: Lanes> Vectors<'_, L> {
    /// Processes groups of `ROWS` vectors at those indices, each with `FLIPS` orders of its lanes: itself, exchanged
    /// by bit `A`, by bit `B`, by both.
    #[inline(always)]
    fn each<const ROWS: usize, const FLIPS: usize, const A: u32, const B: u32>(
        self,
        places: [usize; ROWS],
    ) {
        let Self {
            lanes,
            coefficients,
            on,
            value,
            re,
            im,
        } = self;
        let zero = lanes.splat(0.0);
        let mut factors = [[[(zero, zero); FLIPS]; ROWS]; ROWS];
        let mut next = 0;
        for row in 0..ROWS {
            for column in 0..ROWS {
                for flip in 0..FLIPS {
                    factors[row][column][flip] = (
                        lanes.load(&coefficients[next]),
                        lanes.load(&coefficients[next + 1]),
                    );
                    next += 2;
                }
            }
        }
        let fixed = on | places[ROWS - 1];
        let count = re.len() >> fixed.count_ones();
        // Enumerates the numbers that have 0 in all fixed bits.
        let mut free = 0;
        for _ in 0..count {
            let first = free | value;
            free = ((free | fixed) + 1) & !fixed;
            let mut old = [[(zero, zero); FLIPS]; ROWS];
            for row in 0..ROWS {
                let place = first | places[row];
                let (r, i) = (lanes.load(&re[place]), lanes.load(&im[place]));
                old[row][0] = (r, i);
                if FLIPS > 1 {
                    old[row][1] = (lanes.flip::<A>(r), lanes.flip::<A>(i));
                }
                if FLIPS > 2 {
                    let (r, i) = (lanes.flip::<B>(r), lanes.flip::<B>(i));
                    old[row][2] = (r, i);
                    old[row][3] = (lanes.flip::<A>(r), lanes.flip::<A>(i));
                }
            }
            for row in 0..ROWS {
                let (mut sum_re, mut sum_im) = (zero, zero);
                for column in 0..ROWS {
                    for flip in 0..FLIPS {
                        let (a, b) = factors[row][column][flip];
                        let (r, i) = old[column][flip];
                        if column == 0 && flip == 0 {
                            sum_re = lanes.mul(a, r);
                            sum_im = lanes.mul(a, i);
                        } else {
                            sum_re = lanes.mul_add(a, r, sum_re);
                            sum_im = lanes.mul_add(a, i, sum_im);
                        }
                        sum_re = lanes.mul_sub(b, i, sum_re);
                        sum_im = lanes.mul_add(b, r, sum_im);
                    }
                }
                let place = first | places[row];
                lanes.store(&mut re[place], sum_re);
                lanes.store(&mut im[place], sum_im);
            }
        }
    }
}
