//! Tiling: passes with few targets are applied together, in one traversal of memory, to tiles of the state that fit
//! the processor's cache, on several threads.

use crate::resources::stop::{Stop, Stopped};
use crate::statevector::exec_config::ExecConfig;
use crate::statevector::pass::{Pass, Step};
use crate::statevector::state::State;
use crate::statevector::tiles::{self, NEIGHBOURS, Parts, Slices};

/// Maximum passes of one traversal: a prepared pass takes up to 10 KiB.
const MOST_PASSES: usize = 512;

/// Applies passes, reordered without changing their joint effect.
pub(crate) fn apply_all(
    state: &mut State,
    mut passes: Vec<Pass>,
    config: &ExecConfig,
    stop: &Stop,
) -> Result<(), Stopped> {
    let qubits = u32::try_from(state.qubits()).unwrap_or(u32::MAX);
    let size = config.part_of(qubits);
    let meter = stop.meter();
    meter.add_known(passes.len());
    while !passes.is_empty() {
        let (mask, chosen, rest) = group(passes, qubits, size);
        passes = rest;
        meter.begin_group(chosen.len(), qubits);
        if size == qubits {
            // One tile: passes can be prepared one by one.
            for (number, pass) in chosen.iter().enumerate() {
                if number.is_multiple_of(16) {
                    stop.check()?;
                }
                let ready = Step::new(pass, mask, config.level);
                ready.apply(&mut state.re, &mut state.im, 0, config.level);
            }
            meter.end_group();
            continue;
        }
        let ready = |pass| Step::new(pass, mask, config.level);
        let steps: Vec<Step> = chosen.iter().map(ready).collect();
        let visit = |part: Slices<'_>, base: u64| {
            steps.iter().try_for_each(|step| {
                stop.check()?;
                step.apply(part.re, part.im, base, config.level);
                Ok::<(), Stopped>(())
            })?;
            meter.add_part(steps.len(), size);
            Ok(())
        };
        let tiles = Parts { mask, qubits };
        let threads = config.threads((steps.len() as u64) << qubits);
        tiles::each(state, tiles, config.level, threads, stop, &visit)?;
        meter.end_group();
    }
    Ok(())
}

/// Selects the passes of the next traversal: those on few qubits that commute with all earlier passes left behind.
fn group(passes: Vec<Pass>, qubits: u32, size: u32) -> (u64, Vec<Pass>, Vec<Pass>) {
    let mut mask = (1_u64 << NEIGHBOURS.min(qubits)) - 1;
    // The qubits that the passes left behind change, and those that they read.
    let (mut changed, mut seen) = (0_u64, 0_u64);
    let (mut chosen, mut rest) = (Vec::new(), Vec::new());
    for pass in passes {
        let (targets, read_mask) = (pass.targets(), pass.read_mask());
        let joined = mask | targets;
        let commutes = targets & (changed | seen) == 0 && read_mask & changed == 0;
        let is_full = size < qubits && chosen.len() >= MOST_PASSES;
        if joined.count_ones() <= size && commutes && !is_full {
            mask = joined;
            chosen.push(pass);
        } else {
            changed |= targets;
            seen |= read_mask;
            rest.push(pass);
        }
    }
    // A tile has a whole number of rows: the lowest qubits fill the mask.
    for qubit in 0..qubits {
        if mask.count_ones() < size {
            mask |= 1 << qubit;
        }
    }
    (mask, chosen, rest)
}
