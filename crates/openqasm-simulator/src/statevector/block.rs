//! A block of gates on one or two qubits, and the matrix that replaces them if that is cheaper.

use crate::ir::complex::{Complex, Matrix};
use crate::statevector::op::Op;
use crate::statevector::pass::Pass;
use crate::statevector::two_qubit::{IDENTITY4, follow};

/// Cost of a dense two-qubit pass, relative to a dense one-qubit pass.
const DENSE_PAIR: f64 = 1.6;

/// Consecutive gates on one or two qubits without another gate on those qubits between them.
#[derive(Debug)]
pub(crate) struct Block {
    pub low: u8,
    pub high: Option<u8>,
    pub ops: Vec<Op>,
}

/// The time of one pass, relative to a dense one-qubit gate.
fn cost(op: &Op) -> f64 {
    match op {
        Op::Unitary { on: 0, .. } => 1.0,
        Op::Unitary { .. } | Op::Swap { .. } => 0.6,
        Op::Phase { .. } => 0.5,
    }
}

impl Block {
    /// Appends the passes that perform the block.
    pub(crate) fn into_passes(self, passes: &mut Vec<Pass>) {
        let apart: f64 = self.ops.iter().map(cost).sum();
        match self.high {
            Some(high) if apart > DENSE_PAIR => {
                let mut matrix = Box::new(IDENTITY4);
                for op in &self.ops {
                    follow(&mut matrix, op, self.low);
                }
                let low = self.low;
                passes.push(Pass::Pair {
                    low,
                    high,
                    on: 0,
                    value: 0,
                    matrix,
                });
            }
            _ => passes.extend(self.ops.iter().map(Pass::of)),
        }
    }
}

/// A phase where all qubits in the mask are 1.
pub(crate) fn phase(on: u64, factor: Complex) -> Op {
    Op::Phase {
        on,
        value: on,
        factor,
    }
}

/// The effect of an operation on one qubit.
fn matrix_of(op: &Op) -> Option<(u64, Matrix)> {
    match op {
        Op::Unitary {
            target,
            on: 0,
            matrix,
            ..
        } => Some((1 << target, *matrix)),
        Op::Phase { on, value, factor } if on.is_power_of_two() => {
            let matrix = if on == value {
                Matrix::diagonal(Complex::ONE, *factor)
            } else {
                Matrix::diagonal(*factor, Complex::ONE)
            };
            Some((*on, matrix))
        }
        _ => None,
    }
}

/// Appends a one-qubit operation, multiplied into the previous one if that is on the same qubit.
pub(crate) fn push_merged(ops: &mut Vec<Op>, op: Op) {
    if let Some((qubit, matrix)) = matrix_of(&op)
        && let Some(last) = ops.last_mut()
        && let Some((before, first)) = matrix_of(last)
        && before == qubit
    {
        *last = Op::Unitary {
            target: u8::try_from(qubit.trailing_zeros()).unwrap_or(u8::MAX),
            on: 0,
            value: 0,
            matrix: clean(matrix.times(first)),
        };
        return;
    }
    ops.push(op);
}

/// Removes the rounding that would hide a diagonal or a permutation.
fn clean(matrix: Matrix) -> Matrix {
    let small = |value: Complex| {
        if value.norm2() < 1e-30 {
            Complex::ZERO
        } else {
            value
        }
    };
    Matrix {
        a: small(matrix.a),
        b: small(matrix.b),
        c: small(matrix.c),
        d: small(matrix.d),
    }
}
