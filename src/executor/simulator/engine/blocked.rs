//! Many passes for one trip through memory: passes that share few qubits are applied together to
//! parts of the state that fit the processor's cache.

use super::super::stop::{Stop, Stopped};
use super::kernels::{self, Op};
use super::state::State;
use super::two_qubit::{self, Matrix4};

/// One pass over a state.
#[derive(Debug)]
pub(super) enum Pass {
    Single(Op),
    Pair {
        low: u8,
        high: u8,
        matrix: Box<Matrix4>,
    },
}

/// Qubits of a part: 2^13 amplitudes are 128 KiB.
const PART: u32 = 13;
/// Lowest qubits that belong to every part, so that copies are of neighbours.
const NEIGHBOURS: u32 = 5;
/// Smaller states fit the cache as a whole.
const MIN_QUBITS: usize = 17;
/// Fewer passes are not worth the copying.
const MIN_PASSES: usize = 3;

impl Pass {
    fn apply(&self, state: &mut State, stop: &Stop) -> Result<(), Stopped> {
        match self {
            Self::Single(op) => kernels::apply(state, op, stop),
            Self::Pair { low, high, matrix } => two_qubit::apply(state, *low, *high, matrix, stop),
        }
    }

    fn qubits(&self) -> u64 {
        match self {
            Self::Single(op) => op.qubits(),
            Self::Pair { low, high, .. } => 1 << low | 1 << high,
        }
    }

    /// The same pass on a part whose qubits are those of the mask, renumbered from 0.
    fn within(self, mask: u64) -> Self {
        let place = |qubit: u8| {
            let below = mask & ((1 << qubit) - 1);
            u8::try_from(below.count_ones()).unwrap_or(u8::MAX)
        };
        let places = |bits: u64| {
            (0..64_u8)
                .filter(|bit| bits >> bit & 1 == 1)
                .fold(0_u64, |moved, bit| moved | 1 << place(bit))
        };
        match self {
            Self::Single(Op::Unitary {
                target,
                on,
                value,
                matrix,
            }) => Self::Single(Op::Unitary {
                target: place(target),
                on: places(on),
                value: places(value),
                matrix,
            }),
            Self::Single(Op::Phase { on, value, factor }) => Self::Single(Op::Phase {
                on: places(on),
                value: places(value),
                factor,
            }),
            Self::Single(Op::Swap { a, b, on, value }) => Self::Single(Op::Swap {
                a: place(a),
                b: place(b),
                on: places(on),
                value: places(value),
            }),
            Self::Pair { low, high, matrix } => Self::Pair {
                low: place(low),
                high: place(high),
                matrix,
            },
        }
    }
}

/// Applies passes in an order that has the same effect as theirs.
pub(super) fn apply_all(
    state: &mut State,
    mut passes: Vec<Pass>,
    stop: &Stop,
) -> Result<(), Stopped> {
    if state.qubits() < MIN_QUBITS {
        return passes.iter().try_for_each(|pass| pass.apply(state, stop));
    }
    while !passes.is_empty() {
        let (mask, group, rest) = group(passes);
        passes = rest;
        if group.len() < MIN_PASSES || mask.count_ones() > PART {
            group.iter().try_for_each(|pass| pass.apply(state, stop))?;
        } else {
            let group: Vec<Pass> = group.into_iter().map(|pass| pass.within(mask)).collect();
            apply_to_parts(state, mask, &group, stop)?;
        }
    }
    Ok(())
}

/// Picks the passes that can go first together: those on few qubits that no pass left behind
/// before them touches.
fn group(passes: Vec<Pass>) -> (u64, Vec<Pass>, Vec<Pass>) {
    let mut mask = (1_u64 << NEIGHBOURS) - 1;
    let mut behind = 0_u64;
    let (mut chosen, mut rest) = (Vec::new(), Vec::new());
    for pass in passes {
        let qubits = pass.qubits();
        let joined = mask | qubits;
        let fits = joined.count_ones() <= PART || chosen.is_empty();
        if fits && behind & qubits == 0 {
            mask = joined;
            chosen.push(pass);
        } else {
            behind |= qubits;
            rest.push(pass);
        }
    }
    (mask, chosen, rest)
}

/// Copies each part out, applies the passes, copies it back.
fn apply_to_parts(
    state: &mut State,
    mask: u64,
    passes: &[Pass],
    stop: &Stop,
) -> Result<(), Stopped> {
    let run = 1_usize << (!mask).trailing_zeros();
    let inner = mask & !(run as u64 - 1);
    let outer = (state.re.len() as u64 - 1) & !mask;
    let starts: Vec<usize> = subsets(inner).collect();
    let mut part = State::new();
    // A part is small; it was checked that far more memory is there.
    part.re.resize(starts.len() * run, 0.0);
    part.im.resize(starts.len() * run, 0.0);
    for base in subsets(outer) {
        for (start, (re, im)) in starts
            .iter()
            .zip(part.re.chunks_mut(run).zip(part.im.chunks_mut(run)))
        {
            let from = base + start;
            copy(re, state.re.get(from..from + run));
            copy(im, state.im.get(from..from + run));
        }
        for pass in passes {
            pass.apply(&mut part, stop)?;
        }
        for (start, (re, im)) in starts
            .iter()
            .zip(part.re.chunks(run).zip(part.im.chunks(run)))
        {
            let to = base + start;
            if let Some(target) = state.re.get_mut(to..to + run) {
                target.copy_from_slice(re);
            }
            if let Some(target) = state.im.get_mut(to..to + run) {
                target.copy_from_slice(im);
            }
        }
    }
    Ok(())
}

fn copy(to: &mut [f64], from: Option<&[f64]>) {
    if let Some(from) = from {
        to.copy_from_slice(from);
    }
}

/// All numbers whose bits lie within the mask, in order.
#[allow(
    clippy::cast_possible_truncation,
    reason = "indices of amplitudes fit usize"
)]
fn subsets(mask: u64) -> impl Iterator<Item = usize> {
    let mut next = Some(0_u64);
    std::iter::from_fn(move || {
        let current = next?;
        let following = (current | !mask).wrapping_add(1) & mask;
        next = (following != 0).then_some(following);
        Some(current as usize)
    })
}
