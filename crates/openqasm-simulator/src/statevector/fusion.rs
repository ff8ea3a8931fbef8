//! Fusion: neighbouring gates on the same one or two qubits become one matrix, and phases without a non-commuting
//! gate between them become one pass.

use crate::ir::complex::Complex;
use crate::resources::stop::{Stop, Stopped};
use crate::statevector::block::{Block, phase, push_merged};
use crate::statevector::diagonal::Diagonal;
use crate::statevector::exec_config::ExecConfig;
use crate::statevector::kernels;
use crate::statevector::op::Op;
use crate::statevector::pass::Pass;
use crate::statevector::pending::Pending;
use crate::statevector::state::State;
use crate::statevector::tiling;

/// Below that many qubits a pass is cheaper than its analysis.
pub(crate) const MIN_QUBITS: usize = 8;
#[derive(Debug)]
enum Item {
    Block(Block),
    /// A gate on more than two qubits.
    Large(Op),
    Diagonal(Diagonal),
}

/// Sorts operations into blocks. The order of their effects: finished passes, then the open blocks (on different
/// qubits each), then the pending phases.
#[derive(Debug, Default)]
struct Fuser {
    ready: Vec<Item>,
    blocks: Vec<Option<Block>>,
    /// For each qubit, its open block.
    open: Vec<Option<usize>>,
    pending: Pending,
}

/// Applies the operations in order, fused if that is cheaper.
pub(crate) fn apply_all(
    state: &mut State,
    ops: &mut Vec<Op>,
    config: &ExecConfig,
    stop: &Stop,
) -> Result<(), Stopped> {
    if ops.is_empty() {
        return Ok(());
    }
    if state.qubits() < MIN_QUBITS {
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
    tiling::apply_all(state, fuser.into_passes(), config, stop)
}

/// The qubits in a mask, in ascending order.
fn qubits(mut mask: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let lowest = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        u8::try_from(lowest).ok().filter(|qubit| *qubit < 64)
    })
}

impl Fuser {
    fn add(&mut self, op: Op) {
        match op {
            Op::Phase { on, value, factor } => self.add_phase(on, value, factor),
            Op::Unitary {
                target,
                on,
                value,
                matrix,
            } if matrix.is_diagonal() => {
                let bit = 1 << target;
                if on == 0 {
                    // Only the phase between the two values matters.
                    self.add_phase(bit, bit, matrix.d * matrix.a.conj());
                } else {
                    if matrix.a != Complex::ONE {
                        self.add_phase(on | bit, value, matrix.a);
                    }
                    if matrix.d != Complex::ONE {
                        self.add_phase(on | bit, value | bit, matrix.d);
                    }
                }
            }
            Op::Unitary { target, on: 0, .. } => self.add_single(target, op),
            Op::Unitary { target, on, .. } if on.is_power_of_two() => {
                self.add_pair(1 << target, on | 1 << target, op);
            }
            Op::Swap { a, b, on: 0, .. } => self.add_pair(1 << a | 1 << b, 1 << a | 1 << b, op),
            Op::Unitary { target, .. } => self.add_large(1 << target, op),
            Op::Swap { a, b, .. } => self.add_large(1 << a | 1 << b, op),
        }
    }

    /// Adds a phase on up to two qubits to their block, or to the pending phases.
    fn add_phase(&mut self, on: u64, value: u64, factor: Complex) {
        let mut ones = qubits(on);
        match (ones.next(), ones.next(), ones.next()) {
            (None, ..) => {}
            (Some(qubit), None, _) => {
                // A phase on the value 0 is the opposite one on 1, up to a global phase.
                let factor = if value == on { factor } else { factor.conj() };
                if let Some(block) = self.block_of(qubit) {
                    let phase = Op::Phase {
                        on,
                        value: on,
                        factor,
                    };
                    push_merged(&mut block.ops, phase);
                } else {
                    self.pending.add_single(qubit, factor);
                }
            }
            (Some(low), Some(high), None) => {
                if let Some(block) = self.block_of(low)
                    && block.high == Some(high)
                    && block.low == low
                {
                    block.ops.push(Op::Phase { on, value, factor });
                    return;
                }
                // exp(i t (1 - x)) is exp(i t) exp(-i t x): this turns a value 0 into a 1.
                let is_one = |qubit: u8| value >> qubit & 1 == 1;
                let (low_one, high_one) = (is_one(low), is_one(high));
                let both = if low_one == high_one {
                    factor
                } else {
                    factor.conj()
                };
                self.pending.add_pair(low, high, both);
                let (low_bit, high_bit) = (1 << low, 1 << high);
                if !high_one {
                    let factor = if low_one { factor } else { factor.conj() };
                    self.add_phase(low_bit, low_bit, factor);
                }
                if !low_one {
                    let factor = if high_one { factor } else { factor.conj() };
                    self.add_phase(high_bit, high_bit, factor);
                }
            }
            _ => {
                qubits(on).for_each(|qubit| self.close(qubit));
                self.ready
                    .push(Item::Large(Op::Phase { on, value, factor }));
            }
        }
    }

    fn add_single(&mut self, qubit: u8, op: Op) {
        let partners = self.pending.partners(qubit);
        if partners != 0 {
            let other = qubits(partners).next().unwrap_or(qubit);
            if partners.is_power_of_two() && self.can_join(qubit, other) {
                let (low, high) = (qubit.min(other), qubit.max(other));
                self.pair_block(low, high);
            } else {
                self.emit_pending();
            }
        }
        let single = self.pending.take_single(qubit);
        let block = self.block_on(qubit);
        if let Some(factor) = single {
            push_merged(&mut block.ops, phase(1 << qubit, factor));
        }
        push_merged(&mut block.ops, op);
    }

    /// Whether the phase that two qubits share, the only one of the first, can be added to a block of both for less
    /// than the cost of a pass of its own.
    fn can_join(&mut self, qubit: u8, other: u8) -> bool {
        let is_alone = |block: Option<&mut Block>| block.is_none_or(|block| block.high.is_none());
        let has_block = self.block_of(other).is_some();
        is_alone(self.block_of(qubit))
            && is_alone(self.block_of(other))
            && (has_block || self.pending.pairs() == 1)
    }

    /// Adds a gate on two qubits; the matrix mixes those in the first mask.
    fn add_pair(&mut self, mixed: u64, both: u64, op: Op) {
        let mut pair = qubits(both);
        let (Some(low), Some(high)) = (pair.next(), pair.next()) else {
            return;
        };
        if qubits(mixed).any(|qubit| self.pending.partners(qubit) & !both != 0) {
            self.emit_pending();
        }
        self.pair_block(low, high).ops.push(op);
    }

    /// The block on two qubits, opened if necessary, including all pending phases on those two alone.
    fn pair_block(&mut self, low: u8, high: u8) -> &mut Block {
        let is_open = self
            .block_of(low)
            .is_some_and(|block| (block.low, block.high) == (low, Some(high)));
        if !is_open {
            let mut ops = Vec::with_capacity(4);
            for qubit in [low, high] {
                // A block of this qubit alone joins the new pair; a pair with another qubit ends.
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
            self.insert(Block {
                low,
                high: Some(high),
                ops,
            });
        }
        let mut waiting = Vec::new();
        for qubit in [low, high] {
            let factor = self.pending.take_single(qubit);
            waiting.extend(factor.map(|factor| phase(1 << qubit, factor)));
        }
        let factor = self.pending.take_pair(low, high);
        waiting.extend(factor.map(|factor| phase(1 << low | 1 << high, factor)));
        let block = self.block_on(low);
        block.ops.extend(waiting);
        block
    }

    /// Makes a gate on more than two qubits a separate pass.
    fn add_large(&mut self, mixed: u64, op: Op) {
        let waits = |qubit| self.pending.partners(qubit) != 0;
        if qubits(mixed).any(waits) || qubits(mixed).any(|qubit| self.pending.has_single(qubit)) {
            self.emit_pending();
        }
        qubits(op.qubits()).for_each(|qubit| self.close(qubit));
        self.ready.push(Item::Large(op));
    }

    /// Turns all pending phases into a pass.
    fn emit_pending(&mut self) {
        if let Some(diagonal) = self.pending.take_all() {
            qubits(diagonal.qubits()).for_each(|qubit| self.close(qubit));
            self.ready.push(Item::Diagonal(diagonal));
        }
    }

    fn into_passes(mut self) -> Vec<Pass> {
        let mut passes = Vec::new();
        let last = self.pending.take_all().map(Item::Diagonal);
        let open = self.blocks.into_iter().flatten().map(Item::Block);
        for item in self.ready.into_iter().chain(open).chain(last) {
            match item {
                Item::Block(block) => block.into_passes(&mut passes),
                Item::Large(op) => passes.push(Pass::of(&op)),
                Item::Diagonal(diagonal) => passes.push(Pass::Diagonal(diagonal)),
            }
        }
        passes
    }

    fn block_of(&mut self, qubit: u8) -> Option<&mut Block> {
        let index = *self.open.get(usize::from(qubit))?;
        self.blocks.get_mut(index?)?.as_mut()
    }

    /// The block of a qubit, opened if necessary.
    fn block_on(&mut self, qubit: u8) -> &mut Block {
        let known = self.open.get(usize::from(qubit)).copied().flatten();
        let index = known.unwrap_or_else(|| {
            self.insert(Block {
                low: qubit,
                high: None,
                ops: Vec::new(),
            })
        });
        self.blocks
            .get_mut(index)
            .and_then(Option::as_mut)
            .unwrap_or_else(|| unreachable!("an open block is there"))
    }

    fn insert(&mut self, block: Block) -> usize {
        let index = self.blocks.len();
        for qubit in [Some(block.low), block.high].into_iter().flatten() {
            if let Some(open) = self.open.get_mut(usize::from(qubit)) {
                *open = Some(index);
            }
        }
        self.blocks.push(Some(block));
        index
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
            self.ready.push(Item::Block(block));
        }
    }
}
