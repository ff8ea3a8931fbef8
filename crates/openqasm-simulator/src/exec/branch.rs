//! Branches: histories of outcomes, run one after another, each for its portion of the shots.

use crate::exec::branch_means::BranchMeans;
use crate::exec::context::Context;
use crate::exec::exact::Exact;
use crate::exec::machine::{Machine, Next};
use crate::exec::quantum::Slot;
use crate::run_error::{RunError, Running};
use crate::sampling::{self, Tally};
use crate::statevector::state::NoState;
use rand_xoshiro::Xoshiro256PlusPlus;

/// An outcome less likely than this is taken not to happen.
const ROUNDING: f64 = 1e-12;

/// Maximum branches of exact means.
const MAX_EXACT_BRANCHES: usize = 4096;

/// The part of a run that a branch stands for.
#[derive(Clone, Copy)]
struct BranchPortion {
    shots: u64,
    /// Its probability, where means are exact.
    weight: f64,
}

/// A waiting branch: its outcome is 0 where the branch before it had a 1.
struct Waiting {
    portion: BranchPortion,
    /// How many outcomes were decided before that 0.
    depth: usize,
    /// Its position, if there was memory for a copy.
    machine: Option<Box<Machine>>,
}

struct Runner<'a, 'p> {
    context: &'a Context<'p>,
    rng: Xoshiro256PlusPlus,
    tally: &'a mut Tally,
    /// Whether a random outcome was decided.
    is_random: bool,
    exact: Exact,
    means: BranchMeans<'a>,
    /// More measurements were deferred than is of use.
    is_full: bool,
    /// The last one is next.
    waiting: Vec<Waiting>,
    /// Bytes of the waiting copies.
    saved: u128,
    /// How many of the waiting branches have lost their copies, from the first on.
    evicted: usize,
    /// The outcomes decided on the path of the running branch. Waiting branches portion its prefix, because branches
    /// run depth first.
    path: Vec<bool>,
    /// Branches so far that exact means need.
    branches: usize,
}

/// Runs all branches of a program, depth first, so that few copies wait at a time. Returns no result if more
/// measurements were deferred than is of use: the caller runs the program again without deferral.
pub(crate) fn run(
    context: &Context<'_>,
    shots: u32,
    rng: Xoshiro256PlusPlus,
    tally: &mut Tally,
) -> Running<Option<Exact>> {
    let mut runner = Runner {
        context,
        means: BranchMeans::new(context.strings, shots, &rng),
        rng,
        tally,
        is_random: false,
        exact: Exact::default(),
        is_full: false,
        waiting: Vec::new(),
        saved: 0,
        evicted: 0,
        path: Vec::new(),
        branches: 1,
    };
    let portion = BranchPortion {
        shots: u64::from(shots),
        weight: 1.0,
    };
    runner.branch(None, portion)?;
    while let Some(Waiting {
        portion,
        depth,
        machine,
    }) = runner.waiting.pop()
    {
        context.stop.check()?;
        if runner.is_full {
            break;
        }
        runner.evicted = runner.evicted.min(runner.waiting.len());
        let freed = machine.as_ref().map_or(0, |machine| machine.bytes());
        runner.saved = runner.saved.saturating_sub(freed);
        runner.path.truncate(depth);
        runner.path.push(false);
        runner.branch(machine, portion)?;
    }
    runner.exact.means = runner.means.finish();
    Ok((!runner.is_full).then_some(runner.exact))
}

impl Runner<'_, '_> {
    /// Runs a branch to its end. Without a copy it starts from the beginning and repeats the decisions of its path.
    fn branch(&mut self, machine: Option<Box<Machine>>, mut portion: BranchPortion) -> Running<()> {
        let (mut machine, mut decided) = match machine {
            Some(machine) => (*machine, self.path.len()),
            None => (Machine::new(self.context), 0),
        };
        loop {
            match machine.run(self.context)? {
                Next::Done => return self.finish(machine, portion),
                Next::Decide(_) if machine.quantum.is_full() => {
                    self.is_full = true;
                    return Ok(());
                }
                Next::Decide(slot) => {
                    self.make_room(&machine);
                    machine.quantum.flush()?;
                    let weights = machine.quantum.weights(slot)?;
                    let outcome = match self.path.get(decided) {
                        Some(outcome) => *outcome,
                        None => self.split(&machine, slot, weights, &mut portion)?,
                    };
                    decided += 1;
                    decide(&mut machine, slot, outcome, weights)?;
                }
            }
        }
    }

    /// Draws how many shots have a 1. If both outcomes occur, the 0s wait as a branch.
    fn split(
        &mut self,
        machine: &Machine,
        slot: Slot,
        weights: [f64; 2],
        portion: &mut BranchPortion,
    ) -> Running<bool> {
        let [zero, one] = weights;
        self.is_random |= zero.min(one) > ROUNDING;
        let [zeros, ones] = self.divide(*portion, weights);
        let is_taken = |part: BranchPortion| part.shots > 0 || part.weight > ROUNDING;
        self.path.push(is_taken(ones));
        if !is_taken(ones) {
            return Ok(false);
        }
        *portion = ones;
        if is_taken(zeros) {
            self.branches += 1;
            if portion.shots == 0 && self.branches > MAX_EXACT_BRANCHES {
                return Err(RunError::Resource(format!(
                    "exact expectations need more than {MAX_EXACT_BRANCHES} histories of mid-circuit outcomes; give `shots`"
                )));
            }
            let machine = self.copy(machine, slot, weights)?;
            self.saved += machine.as_ref().map_or(0, |machine| machine.bytes());
            self.waiting.push(Waiting {
                portion: zeros,
                depth: self.path.len() - 1,
                machine,
            });
        }
        Ok(true)
    }

    /// The parts of the outcomes 0 and 1.
    fn divide(&mut self, portion: BranchPortion, [zero, one]: [f64; 2]) -> [BranchPortion; 2] {
        let part = |shots, weight| BranchPortion { shots, weight };
        let probability = one / (zero + one);
        if self.means.are_exact() {
            let ones = portion.weight * probability;
            return [part(0, portion.weight - ones), part(0, ones)];
        }
        let ones = sampling::binomial(&mut self.rng, portion.shots, probability);
        [part(portion.shots - ones, 0.0), part(ones, 0.0)]
    }

    /// A copy for the outcome 0, if there is memory for it beside the running branch.
    fn copy(
        &self,
        machine: &Machine,
        slot: Slot,
        weights: [f64; 2],
    ) -> Running<Option<Box<Machine>>> {
        let needed = self.saved.saturating_add(machine.bytes().saturating_mul(2));
        if needed > u128::from(self.context.memory_limit) {
            return Ok(None);
        }
        match machine.try_clone() {
            Ok(mut copy) => {
                decide(&mut copy, slot, false, weights)?;
                Ok(Some(Box::new(copy)))
            }
            Err(NoState::OutOfMemory) => Ok(None),
            Err(NoState::Stopped(stopped)) => Err(stopped.into()),
        }
    }

    /// Drops copies if the running branch needs their memory; the copies that are needed last are dropped first.
    fn make_room(&mut self, machine: &Machine) {
        let limit = u128::from(self.context.memory_limit);
        while self.saved.saturating_add(machine.bytes()) > limit {
            let Some(branch) = self.waiting.get_mut(self.evicted) else {
                return;
            };
            self.evicted += 1;
            if let Some(copy) = branch.machine.take() {
                self.saved = self.saved.saturating_sub(copy.bytes());
            }
        }
    }

    /// Counts the outcomes of a branch that reached the end of the program.
    fn finish(&mut self, mut machine: Machine, portion: BranchPortion) -> Running<()> {
        self.make_room(&machine);
        machine.quantum.flush()?;
        if !self.is_random {
            self.exact = Exact::of(&machine, self.context)?;
        }
        self.means
            .add(&machine.quantum, portion.shots, portion.weight)?;
        let shots = portion.shots;
        if shots == 0 {
            return Ok(());
        }
        let mut counted: Running<()> = Ok(());
        let tally = &mut *self.tally;
        let bits = &machine.memory.bits;
        machine
            .quantum
            .sample(bits, shots, &mut self.rng, |outcome, times| {
                let added = tally.add(outcome, times);
                counted = added.map_err(RunError::Resource);
                counted.is_ok()
            })?;
        self.context.stop.meter().add_shots(shots);
        counted
    }
}

/// Fixes the outcome of a measured qubit, in the state and in the bits of its open measurement.
fn decide(machine: &mut Machine, slot: Slot, outcome: bool, weights: [f64; 2]) -> Running<()> {
    let [zero, one] = weights;
    let weight = if outcome { one } else { zero };
    let other = if outcome { zero } else { one };
    if other > 0.0 || (weight - 1.0).abs() > 1e-12 {
        machine.quantum.collapse(slot, outcome, weight)?;
    }
    for bit in machine.quantum.decided(slot, outcome) {
        machine.memory.set_bit(bit, outcome);
    }
    Ok(())
}
