//! Branches: histories of outcomes, run one after another, each for the shots that fall to it.

use super::super::sampling::{self, Tally};
use super::evaluate::set_bit;
use super::machine::{Machine, Next};
use super::quantum::Status;
use super::state::{NoState, State};
use super::{Context, RunError, Running};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A branch that waits for its turn: it saw a 0 where the branch before it saw a 1.
struct Waiting {
    shots: u64,
    /// How many outcomes were decided before that 0.
    depth: usize,
    /// Where it stands, if there was memory for a copy.
    machine: Option<Box<Machine>>,
}

struct Runner<'a, 'p> {
    context: &'a Context<'p>,
    rng: Xoshiro256PlusPlus,
    tally: &'a mut Tally,
    /// The last one is next.
    waiting: Vec<Waiting>,
    /// Bytes of the copies that wait.
    saved: u128,
    /// So many of those that wait have lost their copies, from the first on.
    evicted: usize,
    /// The outcomes decided on the way to where the running branch stands. Those that wait share
    /// its beginning, for branches run depth first.
    path: Vec<bool>,
}

/// Runs all branches of a program, depth first, so that few copies wait at a time.
pub(super) fn run(
    context: &Context<'_>,
    shots: u32,
    rng: Xoshiro256PlusPlus,
    tally: &mut Tally,
) -> Running<()> {
    let mut runner = Runner {
        context,
        rng,
        tally,
        waiting: Vec::new(),
        saved: 0,
        evicted: 0,
        path: Vec::new(),
    };
    runner.branch(None, u64::from(shots))?;
    while let Some(Waiting {
        shots,
        depth,
        machine,
    }) = runner.waiting.pop()
    {
        context.stop.check()?;
        runner.evicted = runner.evicted.min(runner.waiting.len());
        let freed = machine.as_ref().map_or(0, |machine| machine.bytes());
        runner.saved = runner.saved.saturating_sub(freed);
        runner.path.truncate(depth);
        runner.path.push(false);
        runner.branch(machine, shots)?;
    }
    Ok(())
}

impl Runner<'_, '_> {
    /// Runs a branch to its end. Without a copy it begins anew and decides as its path says.
    fn branch(&mut self, machine: Option<Box<Machine>>, mut shots: u64) -> Running<()> {
        let (mut machine, mut decided) = match machine {
            Some(machine) => (*machine, self.path.len()),
            None => (Machine::new(self.context), 0),
        };
        loop {
            match machine.run(self.context)? {
                Next::Done => return self.finish(machine, shots),
                Next::Decide(slot) => {
                    self.make_room(&machine);
                    machine.quantum.flush()?;
                    let weights = machine
                        .quantum
                        .state
                        .weights(usize::from(slot), self.context.stop)?;
                    let outcome = match self.path.get(decided) {
                        Some(outcome) => *outcome,
                        None => self.split(&machine, slot, weights, &mut shots)?,
                    };
                    decided += 1;
                    decide(&mut machine, slot, outcome, weights, self.context)?;
                }
            }
        }
    }

    /// Draws how many shots see a 1. Where both outcomes happen, the 0s wait as a branch.
    fn split(
        &mut self,
        machine: &Machine,
        slot: u8,
        weights: [f64; 2],
        shots: &mut u64,
    ) -> Running<bool> {
        let [zero, one] = weights;
        let ones = sampling::binomial(&mut self.rng, *shots, one / (zero + one));
        let zeros = *shots - ones;
        self.path.push(ones > 0);
        if ones == 0 {
            return Ok(false);
        }
        *shots = ones;
        if zeros > 0 {
            let machine = self.copy(machine, slot, weights)?;
            self.saved += machine.as_ref().map_or(0, |machine| machine.bytes());
            self.waiting.push(Waiting {
                shots: zeros,
                depth: self.path.len() - 1,
                machine,
            });
        }
        Ok(true)
    }

    /// A copy that saw a 0, if there is memory for it beside the running branch.
    fn copy(
        &self,
        machine: &Machine,
        slot: u8,
        weights: [f64; 2],
    ) -> Running<Option<Box<Machine>>> {
        let needed = self.saved.saturating_add(machine.bytes().saturating_mul(2));
        if needed > u128::from(self.context.memory_limit) {
            return Ok(None);
        }
        match machine.try_clone() {
            Ok(mut copy) => {
                decide(&mut copy, slot, false, weights, self.context)?;
                Ok(Some(Box::new(copy)))
            }
            Err(NoState::OutOfMemory) => Ok(None),
            Err(NoState::Stopped(stopped)) => Err(stopped.into()),
        }
    }

    /// Lets copies go where the running branch needs their memory; those that are needed last go
    /// first.
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
    fn finish(&mut self, mut machine: Machine, shots: u64) -> Running<()> {
        self.make_room(&machine);
        machine.quantum.flush()?;
        let bits = machine.memory.bits;
        let mut open: Vec<(usize, &[u32])> = Vec::new();
        for (slot, status) in machine.quantum.status.iter().enumerate() {
            match status {
                Status::Measured(bits) if !bits.is_empty() => open.push((slot, bits)),
                _ => {}
            }
        }
        if open.is_empty() {
            return self.count(bits, shots);
        }
        let State { re, im } = &machine.quantum.state;
        let norm = machine.quantum.state.norm(self.context.stop)?;
        let mut counted: Running<()> = Ok(());
        let stop = self.context.stop;
        let tally = &mut *self.tally;
        sampling::sample(re, im, norm, shots, &mut self.rng, stop, |index, times| {
            let mut outcome = bits.clone();
            for (slot, bits) in &open {
                for bit in *bits {
                    set_bit(&mut outcome, *bit, index >> slot & 1 == 1);
                }
            }
            let added = tally.add(outcome, times);
            counted = added.map_err(RunError::Resource);
            counted.is_ok()
        })?;
        counted
    }

    fn count(&mut self, bits: Vec<u64>, shots: u64) -> Running<()> {
        self.tally.add(bits, shots).map_err(RunError::Resource)
    }
}

/// Fixes the outcome of a measured qubit, in the state and in the bits that wait for it.
fn decide(
    machine: &mut Machine,
    slot: u8,
    outcome: bool,
    weights: [f64; 2],
    context: &Context<'_>,
) -> Running<()> {
    let [zero, one] = weights;
    let weight = if outcome { one } else { zero };
    let other = if outcome { zero } else { one };
    if other > 0.0 || (weight - 1.0).abs() > 1e-12 {
        let scale = 1.0 / weight.sqrt();
        machine
            .quantum
            .state
            .collapse(usize::from(slot), outcome, scale, context.stop)?;
    }
    if let Some(status) = machine.quantum.status_mut(slot) {
        let before = std::mem::replace(status, Status::Known(outcome));
        if let Status::Measured(bits) = before {
            for bit in bits {
                machine.memory.set_bit(bit, outcome);
            }
        }
    }
    Ok(())
}
