//! A pass over the state: the qubits that it changes and reads, and its application to a tile.

use crate::ir::complex::{Complex, Matrix};
use crate::statevector::dense::Dense;
use crate::statevector::diagonal::{Diagonal, Prepared};
use crate::statevector::op::Op;
use crate::statevector::simd::Level;
use crate::statevector::two_qubit::{IDENTITY4, Matrix4};

/// One pass over a state, applied where the qubits in the mask `on` have the values in `value`.
#[derive(Debug)]
pub(crate) enum Pass {
    Single {
        target: u8,
        on: u64,
        value: u64,
        matrix: Matrix,
    },
    /// `low < high`
    Pair {
        low: u8,
        high: u8,
        on: u64,
        value: u64,
        matrix: Box<Matrix4>,
    },
    /// A factor on all amplitudes that the mask selects.
    Phase {
        on: u64,
        value: u64,
        factor: Complex,
    },
    Diagonal(Diagonal),
}

impl Pass {
    /// The pass that performs one operation.
    pub(crate) fn of(op: &Op) -> Self {
        match *op {
            Op::Unitary {
                target,
                on,
                value,
                matrix,
            } => Self::Single {
                target,
                on,
                value,
                matrix,
            },
            Op::Phase { on, value, factor } => Self::Phase { on, value, factor },
            Op::Swap { a, b, on, value } => {
                let mut matrix = Box::new(IDENTITY4);
                matrix.swap(1, 2);
                Self::Pair {
                    low: a.min(b),
                    high: a.max(b),
                    on,
                    value,
                    matrix,
                }
            }
        }
    }

    /// The qubits that the pass mixes: they must be in the tile.
    pub(crate) fn targets(&self) -> u64 {
        match self {
            Self::Single { target, .. } => 1 << target,
            Self::Pair { low, high, .. } => 1 << low | 1 << high,
            Self::Phase { .. } | Self::Diagonal(_) => 0,
        }
    }

    /// The qubits whose values the pass reads without changing them.
    pub(crate) fn read_mask(&self) -> u64 {
        match self {
            Self::Single { on, .. } | Self::Pair { on, .. } | Self::Phase { on, .. } => *on,
            Self::Diagonal(diagonal) => diagonal.qubits(),
        }
    }
}

/// A pass prepared for tiles of given qubits.
pub(crate) enum Step {
    /// Applies to the tiles whose index has that value in the bits of the mask.
    Dense {
        on: u64,
        value: u64,
        dense: Dense,
    },
    Diagonal(Prepared),
}

impl Step {
    pub(crate) fn new(pass: &Pass, mask: u64, level: Level) -> Self {
        let place = |qubit: u8| {
            let below = mask & ((1 << qubit) - 1);
            u8::try_from(below.count_ones()).unwrap_or(u8::MAX)
        };
        let places = |bits: u64| {
            (0..64_u8)
                .filter(|bit| bits & mask & 1 << bit != 0)
                .fold(0_u64, |moved, bit| moved | 1 << place(bit))
        };
        let (on, value, dense) = match pass {
            Pass::Single {
                target,
                on,
                value,
                matrix,
            } => {
                let dense =
                    Dense::single(place(*target), places(*on), places(*value), matrix, level);
                (on, value, dense)
            }
            Pass::Pair {
                low,
                high,
                on,
                value,
                matrix,
            } => {
                let targets = [place(*low), place(*high)];
                let dense = Dense::pair(targets, places(*on), places(*value), matrix, level);
                (on, value, dense)
            }
            Pass::Phase { on, value, factor } => {
                // Expands to a matrix that acts the same for both values of the lowest qubit, unless that qubit is a
                // control.
                let (mut one, mut zero) = (*factor, *factor);
                if on & 1 == 1 {
                    *(if value & 1 == 1 { &mut zero } else { &mut one }) = Complex::ONE;
                }
                let matrix = Matrix::diagonal(zero, one);
                let (on_part, value_part) = (places(on & !1), places(value & !1));
                let dense = Dense::single(0, on_part, value_part, &matrix, level);
                (on, value, dense)
            }
            Pass::Diagonal(diagonal) => return Self::Diagonal(Prepared::new(diagonal, mask)),
        };
        Self::Dense {
            on: on & !mask,
            value: value & !mask,
            dense,
        }
    }

    /// Applies the pass to the tile at that index of the state.
    pub(crate) fn apply(&self, re: &mut [f64], im: &mut [f64], base: u64, level: Level) {
        match self {
            Self::Dense { on, value, dense } => {
                if base & on == *value {
                    dense.apply(re, im, level);
                }
            }
            Self::Diagonal(prepared) => prepared.apply(re, im, base, level),
        }
    }
}
