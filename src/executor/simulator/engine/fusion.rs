//! Fusion: neighbouring gates on the same one or two qubits become one pass over the state.

use super::super::complex::{Complex, Matrix};
use super::super::stop::{Stop, Stopped};
use super::kernels::{self, Op};
use super::state::State;
use super::two_qubit::{self, IDENTITY4, follow};

/// Below that many qubits a pass is cheaper than thinking about it.
const MIN_QUBITS: usize = 8;
/// Cost of a dense two-qubit pass, where a dense one-qubit pass costs 1.
const DENSE_PAIR: f64 = 2.4;

/// Gates on one or two qubits that follow each other without another gate on those qubits
/// between them.
#[derive(Debug)]
struct Block {
    low: u8,
    high: Option<u8>,
    ops: Vec<Op>,
}

#[derive(Debug, Default)]
struct Fuser {
    blocks: Vec<Option<Block>>,
    /// For each qubit, the open block that it is in.
    open: Vec<Option<usize>>,
    ready: Vec<Block>,
}

/// Applies the operations in order, fused where that pays.
pub(super) fn apply_all(state: &mut State, ops: &mut Vec<Op>, stop: &Stop) -> Result<(), Stopped> {
    if state.qubits() < MIN_QUBITS || ops.len() < 2 {
        for op in ops.drain(..) {
            kernels::apply(state, &op, stop)?;
        }
        return Ok(());
    }
    let mut fuser = Fuser {
        open: vec![None; 64],
        ..Fuser::default()
    };
    for op in ops.drain(..) {
        fuser.add(op);
        for block in fuser.ready.drain(..) {
            apply_block(state, &block, stop)?;
        }
    }
    for block in fuser.blocks.into_iter().flatten() {
        apply_block(state, &block, stop)?;
    }
    Ok(())
}

fn apply_block(state: &mut State, block: &Block, stop: &Stop) -> Result<(), Stopped> {
    let Some(high) = block.high else {
        return block
            .ops
            .iter()
            .try_for_each(|op| kernels::apply(state, op, stop));
    };
    let apart: f64 = block.ops.iter().map(cost).sum();
    if apart <= DENSE_PAIR {
        return block
            .ops
            .iter()
            .try_for_each(|op| kernels::apply(state, op, stop));
    }
    let mut matrix = IDENTITY4;
    for op in &block.ops {
        follow(&mut matrix, op, block.low);
    }
    two_qubit::apply(state, block.low, high, &matrix, stop)
}

/// The time of one pass, relative to a dense one-qubit gate.
fn cost(op: &Op) -> f64 {
    match op {
        Op::Unitary { on, matrix, .. } if matrix.is_diagonal() => {
            if *on == 0 || matrix.a == Complex::ONE {
                0.5
            } else {
                1.0
            }
        }
        Op::Unitary { on: 0, .. } => 1.0,
        Op::Unitary { matrix, .. } if matrix.is_antidiagonal() => 0.6,
        Op::Unitary { .. } => 0.8,
        Op::Phase { .. } => 0.3,
        Op::Swap { .. } => 0.6,
    }
}

impl Fuser {
    fn add(&mut self, op: Op) {
        let mask = qubits(&op);
        let used: Vec<u8> = (0..64).filter(|qubit| mask >> qubit & 1 == 1).collect();
        match *used.as_slice() {
            [qubit] => self.add_single(qubit, op),
            [low, high] => self.add_pair(low, high, op),
            _ => {
                for qubit in used {
                    self.close(qubit);
                }
                self.ready.push(Block {
                    low: 0,
                    high: None,
                    ops: vec![op],
                });
            }
        }
    }

    fn block_of(&mut self, qubit: u8) -> Option<&mut Block> {
        let index = *self.open.get(usize::from(qubit))?;
        self.blocks.get_mut(index?)?.as_mut()
    }

    fn add_single(&mut self, qubit: u8, op: Op) {
        if let Some(block) = self.block_of(qubit) {
            push_merged(&mut block.ops, op);
            return;
        }
        self.insert(Block {
            low: qubit,
            high: None,
            ops: vec![op],
        });
    }

    fn add_pair(&mut self, low: u8, high: u8, op: Op) {
        if let Some(block) = self.block_of(low)
            && block.low == low
            && block.high == Some(high)
        {
            block.ops.push(op);
            return;
        }
        let mut ops = Vec::with_capacity(4);
        for qubit in [low, high] {
            // A block of this qubit alone joins the new pair; a pair with another one ends.
            if self
                .block_of(qubit)
                .is_some_and(|block| block.high.is_none())
            {
                if let Some(block) = self.take(qubit) {
                    ops.extend(block.ops);
                }
            } else {
                self.close(qubit);
            }
        }
        ops.push(op);
        self.insert(Block {
            low,
            high: Some(high),
            ops,
        });
    }

    fn insert(&mut self, block: Block) {
        let index = self.blocks.len();
        for qubit in [Some(block.low), block.high].into_iter().flatten() {
            if let Some(open) = self.open.get_mut(usize::from(qubit)) {
                *open = Some(index);
            }
        }
        self.blocks.push(Some(block));
    }

    fn take(&mut self, qubit: u8) -> Option<Block> {
        let index = self.open.get_mut(usize::from(qubit))?.take()?;
        let block = self.blocks.get_mut(index)?.take()?;
        for other in [Some(block.low), block.high].into_iter().flatten() {
            if let Some(open) = self.open.get_mut(usize::from(other)) {
                *open = None;
            }
        }
        Some(block)
    }

    fn close(&mut self, qubit: u8) {
        if let Some(block) = self.take(qubit) {
            self.ready.push(block);
        }
    }
}

/// All qubits that an operation touches, as a mask.
fn qubits(op: &Op) -> u64 {
    match op {
        Op::Unitary { target, on, .. } => on | 1 << target,
        Op::Phase { on, .. } => *on,
        Op::Swap { a, b, on, .. } => on | 1 << a | 1 << b,
    }
}

/// Appends a one-qubit operation, multiplying it into the one before where that is on the same
/// qubit.
fn push_merged(ops: &mut Vec<Op>, op: Op) {
    if let Op::Unitary {
        target,
        on: 0,
        matrix,
        ..
    } = &op
        && let Some(Op::Unitary {
            target: before,
            on: 0,
            matrix: first,
            ..
        }) = ops.last_mut()
        && before == target
    {
        *first = clean(matrix.times(*first));
        return;
    }
    ops.push(op);
}

/// Drops the rounding that would hide a diagonal or a permutation from the fast kernels.
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
