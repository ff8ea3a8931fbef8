//! Dense two-qubit matrices: the product of several neighbouring gates on one pair of qubits.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "arrays of four by numbers below four"
)]

use crate::ir::complex::{Complex, Matrix};
use crate::statevector::op::Op;

/// A 4×4 matrix. Bit 0 of an index is the lower qubit, bit 1 the higher.
pub(crate) type Matrix4 = [[Complex; 4]; 4];

pub(crate) const IDENTITY4: Matrix4 = {
    let mut matrix = [[Complex::ZERO; 4]; 4];
    matrix[0][0] = Complex::ONE;
    matrix[1][1] = Complex::ONE;
    matrix[2][2] = Complex::ONE;
    matrix[3][3] = Complex::ONE;
    matrix
};

/// Appends an operation on the qubits `low` and `high` to the matrix.
pub(crate) fn follow(matrix: &mut Matrix4, op: &Op, low: u8) {
    let bit = |qubit: u8| if qubit == low { 1_usize } else { 2 };
    let local = |mask: u64| {
        let lower = usize::from(mask >> low & 1 == 1);
        // The remaining one is the higher qubit.
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
