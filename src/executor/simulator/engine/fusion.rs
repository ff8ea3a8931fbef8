//! Fusion: neighbouring gates on the same one or two qubits become one pass over the state.

use super::super::complex::{Complex, Matrix};
use super::super::stop::{Stop, Stopped};
use super::blocked::{self, Pass};
use super::kernels::{self, Op};
use super::state::State;
use super::two_qubit::{IDENTITY4, follow};

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
    ops.drain(..).for_each(|op| fuser.add(op));
    let mut passes = Vec::new();
    for block in fuser
        .ready
        .into_iter()
        .chain(fuser.blocks.into_iter().flatten())
    {
        block.into_passes(&mut passes);
    }
    blocked::apply_all(state, passes, stop)
}

impl Block {
    fn into_passes(self, passes: &mut Vec<Pass>) {
        let apart: f64 = self.ops.iter().map(cost).sum();
        match self.high {
            Some(high) if apart > DENSE_PAIR => {
                let mut matrix = Box::new(IDENTITY4);
                for op in &self.ops {
                    follow(&mut matrix, op, self.low);
                }
                let low = self.low;
                passes.push(Pass::Pair { low, high, matrix });
            }
            _ => passes.extend(self.ops.into_iter().map(Pass::Single)),
        }
    }
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
        let mask = op.qubits();
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
