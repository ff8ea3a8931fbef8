//! Branches: histories of outcomes, run one after another, each for the shots that fall to it.

use super::super::sampling::{self, Tally};
use super::evaluate::set_bit;
use super::machine::{Machine, Next};
use super::quantum::Status;
use super::state::State;
use super::{Context, RunError, Running};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A branch that waits for its turn.
struct Waiting {
    shots: u64,
    /// The outcomes decided so far, which lead to this branch again where no copy was kept.
    history: Vec<bool>,
    /// Where it stands, if there was memory for a copy.
    machine: Option<Box<Machine>>,
}

struct Runner<'a, 'p> {
    context: &'a Context<'p>,
    rng: Xoshiro256PlusPlus,
    tally: &'a mut Tally,
    waiting: Vec<Waiting>,
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
        waiting: vec![Waiting {
            shots: u64::from(shots),
            history: Vec::new(),
            machine: None,
        }],
    };
    while let Some(branch) = runner.waiting.pop() {
        context.stop.check()?;
        runner.branch(branch)?;
    }
    Ok(())
}

impl Runner<'_, '_> {
    fn branch(&mut self, branch: Waiting) -> Running<()> {
        let Waiting {
            mut shots,
            mut history,
            machine,
        } = branch;
        let (mut machine, mut replayed) = match machine {
            Some(machine) => (*machine, history.len()),
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
                    let outcome = match history.get(replayed) {
                        Some(outcome) => *outcome,
                        None => self.split(&machine, slot, weights, &mut shots, &mut history)?,
                    };
                    replayed += 1;
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
        history: &mut Vec<bool>,
    ) -> Running<bool> {
        let [zero, one] = weights;
        let ones = sampling::binomial(&mut self.rng, *shots, one / (zero + one));
        let zeros = *shots - ones;
        if ones == 0 {
            history.push(false);
            return Ok(false);
        }
        if zeros > 0 {
            let mut other = history.clone();
            other.push(false);
            let copied = self
                .has_room_for(machine)
                .then(|| machine.try_clone())
                .flatten();
            let copied = match copied {
                Some(mut copy) => {
                    decide(&mut copy, slot, false, weights, self.context)?;
                    Some(Box::new(copy))
                }
                None => None,
            };
            self.waiting.push(Waiting {
                shots: zeros,
                history: other,
                machine: copied,
            });
        }
        *shots = ones;
        history.push(true);
        Ok(true)
    }

    fn saved_bytes(&self) -> u128 {
        let machines = self
            .waiting
            .iter()
            .filter_map(|branch| branch.machine.as_ref());
        machines.map(|machine| machine.quantum.bytes()).sum()
    }

    fn has_room_for(&self, machine: &Machine) -> bool {
        let needed = self.saved_bytes() + 2 * machine.quantum.bytes();
        needed <= u128::from(self.context.memory_limit)
    }

    /// Lets copies go where the running branch needs their memory.
    fn make_room(&mut self, machine: &Machine) {
        let limit = u128::from(self.context.memory_limit);
        let mut used = self.saved_bytes().saturating_add(machine.quantum.bytes());
        for branch in &mut self.waiting {
            if used <= limit {
                break;
            }
            if let Some(copy) = branch.machine.take() {
                used = used.saturating_sub(copy.quantum.bytes());
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
        let (stop, limit) = (self.context.stop, self.context.memory_limit);
        let tally = &mut *self.tally;
        sampling::sample(re, im, norm, shots, &mut self.rng, stop, |index, times| {
            let mut outcome = bits.clone();
            for (slot, bits) in &open {
                for bit in *bits {
                    set_bit(&mut outcome, *bit, index >> slot & 1 == 1);
                }
            }
            let added = tally.add(outcome, times, limit);
            counted = added.map_err(RunError::Resource);
            counted.is_ok()
        })?;
        counted
    }

    fn count(&mut self, bits: Vec<u64>, shots: u64) -> Running<()> {
        self.tally
            .add(bits, shots, self.context.memory_limit)
            .map_err(RunError::Resource)
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
