//! Interprets a program without a state: its operations, their number, and its depth.
//!
//! Classical values are computed as in a run, as far as they do not depend on outcomes or on inputs without a value.
//! Where control flow depends on unknown values, both branches are analysed, and a loop body once.

mod known;
mod label;
mod levels;
mod step;
mod trial;

use crate::error::Diagnostic;
use crate::ir::program::{Action, Expr, Program, Step};
use crate::resources::stop::{Stop, Stopped};
use crate::run_error::{RunError, Running};
use known::Known;
use levels::Levels;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Maximum steps and operands before the analysis ends early: about a second.
const MAX_WORK: u64 = 30_000_000;
/// Work between two checks of the stop flag.
const LOOK: u64 = 1 << 14;

/// The result of an analysis.
#[derive(Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a finding of its own"
)]
pub(crate) struct Analysis {
    /// How often each gate is applied, by the author's name of it.
    pub gates: BTreeMap<String, u64>,
    /// Applications of gates to two qubits or more.
    pub multi_qubit_gates: u64,
    pub measurements: u64,
    pub resets: u64,
    pub depth: u32,
    /// Qubits that the state must hold, those of all branches together.
    pub used_qubits: usize,
    /// Those of them that the state must hold whichever branch is taken.
    pub surely_used_qubits: usize,
    /// Control flow depends on unknown values.
    pub is_open: bool,
    /// The choice of a qubit or bit depends on unknown values.
    pub has_open_index: bool,
    /// A value depends on unknown values, and may have no result.
    pub is_doubtful: bool,
    /// The analysis hit its work limit.
    pub is_cut: bool,
}

/// Why an analysis has no result.
pub(crate) enum AnalysisError {
    /// Every run reaches this mistake.
    Wrong(Diagnostic),
    Stopped(Stopped),
}

/// Analyses a program. The source must be that of the program; gates are labelled by it.
pub(crate) fn analyse(
    program: &Program,
    source: &str,
    stop: &Stop,
) -> Result<Analysis, AnalysisError> {
    let interpreter = Interpreter {
        program,
        source,
        stop,
        at: 0,
        known: Known::new(program),
        levels: Levels::new(program.qubits as usize + program.bits as usize),
        last_bit_level: 0,
        touched: vec![Touched::Never; program.qubits as usize],
        may_have_left: false,
        labels: HashMap::new(),
        numbers: HashMap::new(),
        counts: Vec::new(),
        forks: Vec::new(),
        loop_ends: loop_ends(program),
        came_back_to: None,
        tried: HashSet::new(),
        is_doubtful: Cell::new(false),
        work: 0,
        next_look: 0,
        found: Analysis::default(),
    };
    interpreter.run().map_err(|error| match error {
        RunError::Wrong(mistake) => AnalysisError::Wrong(mistake),
        RunError::Resource(message) => AnalysisError::Wrong(Diagnostic::limit(0, message)),
        RunError::Stopped(stopped) => AnalysisError::Stopped(stopped),
    })
}

struct Interpreter<'a> {
    program: &'a Program,
    source: &'a str,
    stop: &'a Stop,
    at: usize,
    known: Known,
    levels: Levels,
    /// The highest level of a measured bit.
    last_bit_level: u32,
    touched: Vec<Touched>,
    /// An open branch may have jumped past the join with the other one.
    may_have_left: bool,
    /// For each source position that applies a gate, the number of its label.
    labels: HashMap<u32, u32>,
    /// The number of each label, and how often its gate is applied.
    numbers: HashMap<String, u32>,
    counts: Vec<u64>,
    forks: Vec<Fork>,
    /// For the first step of each loop, the last step that jumps back to it.
    loop_ends: HashMap<usize, usize>,
    /// The first step of the loop whose turn began last.
    came_back_to: Option<usize>,
    /// Gates found to have no mistakes.
    tried: HashSet<trial::Tried>,
    is_doubtful: Cell<bool>,
    work: u64,
    next_look: u64,
    found: Analysis,
}

/// Whether gates touch a qubit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Touched {
    Never,
    Perhaps,
    Surely,
}

fn loop_ends(program: &Program) -> HashMap<usize, usize> {
    let steps = program.steps.iter().enumerate();
    let jumps = steps.filter_map(|(place, step)| match step.action {
        Action::Jump(to) if to <= place => Some((to, place)),
        _ => None,
    });
    jumps.collect()
}

/// Steps that may or may not run: a first branch, and optionally a second one after it.
struct Fork {
    start: usize,
    other: usize,
    end: usize,
    in_other: bool,
    /// Whether it is a turn of a loop.
    is_turn: bool,
}

impl Fork {
    fn holds(&self, at: usize) -> bool {
        if self.in_other {
            (self.other..self.end).contains(&at)
        } else {
            (self.start..self.other).contains(&at)
        }
    }
}

impl<'a> Interpreter<'a> {
    fn run(mut self) -> Running<Analysis> {
        loop {
            self.settle();
            let step = self.program.steps.get(self.at);
            let Some(step) = step.filter(|_| self.at < self.program.written) else {
                break;
            };
            // Parts of expressions are smaller than steps.
            self.spend(1 + self.known.looked_at() / 8)?;
            if self.work > MAX_WORK || self.levels.is_full() {
                self.found.is_cut = true;
                break;
            }
            self.step(step)?;
        }
        while self.forks.pop().is_some() {
            self.levels.meet();
        }
        let at_least = |least| self.touched.iter().filter(|it| **it >= least).count();
        self.found.used_qubits = at_least(Touched::Perhaps);
        self.found.surely_used_qubits = at_least(Touched::Surely);
        self.found.depth = self.levels.highest();
        self.found.is_doubtful = self.is_doubtful.get();
        for (label, number) in self.numbers {
            let count = self.counts.get(number as usize).copied();
            self.found.gates.insert(label, count.unwrap_or_default());
        }
        Ok(self.found)
    }

    /// Charges work, and checks the stop flag from time to time.
    fn spend(&mut self, work: u64) -> Running<()> {
        // Levels that may be rolled back are saved, which takes longer.
        let weight = if self.forks.is_empty() { 1 } else { 3 };
        self.work = self.work.saturating_add(work.saturating_mul(weight));
        if self.work >= self.next_look {
            self.next_look = self.work.saturating_add(LOOK);
            self.stop.check()?;
        }
        Ok(())
    }

    /// Ends the branches that the last step has left, and begins others.
    fn settle(&mut self) {
        while let Some(fork) = self.forks.last_mut().filter(|fork| !fork.holds(self.at)) {
            let (start, other, end) = (fork.start, fork.other, fork.end);
            if !fork.in_other && other < end {
                fork.in_other = true;
                self.at = other;
                self.forget(start, other);
                self.levels.other_way();
                return;
            }
            self.at = end;
            self.forks.pop();
            self.forget(start, end);
            self.levels.meet();
        }
    }

    fn step(&mut self, step: &'a Step) -> Running<()> {
        let mut next = self.at + 1;
        match &step.action {
            Action::Jump(to) => {
                self.jump(*to);
                next = *to;
            }
            Action::Unless { condition, to } => match self.value(condition)? {
                Some(value) => {
                    let holds = value.truth();
                    let holds = holds.map_err(|error| RunError::wrong(step.at, error.message()))?;
                    if !holds {
                        next = *to;
                    }
                }
                None => return self.open_condition(step, *to),
            },
            Action::LoopNext(turn) => match self.turn(turn, step.at)? {
                Some(true) => {}
                Some(false) => next = turn.exit,
                None => return self.open_loop(step, self.at, turn.exit),
            },
            _ => self.effect(step)?,
        }
        self.at = next;
        Ok(())
    }

    fn jump(&mut self, to: usize) {
        if to <= self.at {
            self.came_back_to = Some(to);
        }
        if let Some(fork) = self.forks.last() {
            let ends_turn = fork.is_turn && self.at + 1 == fork.end;
            if !fork.holds(to) && to != fork.end && !ends_turn {
                // Whether all following steps run depends on the same outcome.
                self.levels.keep_floor();
                self.may_have_left = true;
            }
        }
    }

    /// An unknown condition: of an `if`, a `case`, or a `while`.
    fn open_condition(&mut self, step: &Step, to: usize) -> Running<()> {
        let last = to.saturating_sub(1);
        match self.jump_at(last) {
            Some(head) if head <= self.at && self.loop_ends.get(&head) == Some(&last) => {
                self.open_loop(step, head, to)
            }
            Some(end) if end > to && self.is_straight(to, end)? => self.fork(step, to, end),
            _ => self.fork(step, to, to),
        }
    }

    /// A loop with an unknown number of remaining turns: analysed for one turn, unless one was analysed already.
    fn open_loop(&mut self, step: &Step, head: usize, exit: usize) -> Running<()> {
        self.found.is_open = true;
        self.spend(exit.saturating_sub(head) as u64)?;
        self.forget(head, exit);
        if self.came_back_to == Some(head) {
            self.at = exit;
            return Ok(());
        }
        self.fork(step, exit, exit)?;
        if let Some(fork) = self.forks.last_mut() {
            fork.is_turn = true;
        }
        Ok(())
    }

    /// The first branch begins with the next step and ends at `other`, where the second one begins, if there is one.
    fn fork(&mut self, step: &Step, other: usize, end: usize) -> Running<()> {
        self.found.is_open = true;
        let start = self.at + 1;
        self.spend(end.saturating_sub(start) as u64)?;
        self.forks.push(Fork {
            start,
            other,
            end,
            in_other: false,
            is_turn: false,
        });
        let floor = self.decided_at(&step.reads);
        self.levels.fork(floor);
        self.at = start;
        Ok(())
    }

    /// The level at which bits are known. Dependencies through variables are not followed.
    fn decided_at(&self, reads: &[(u32, u32)]) -> u32 {
        let bits = reads.iter().flat_map(|(first, len)| *first..first + len);
        let levels = bits.map(|bit| self.levels.get(self.program.qubits + bit));
        levels.max().unwrap_or(self.last_bit_level)
    }

    fn jump_at(&self, place: usize) -> Option<usize> {
        match self.program.steps.get(place).map(|step| &step.action) {
            Some(Action::Jump(to)) => Some(*to),
            _ => None,
        }
    }

    /// Whether these steps are the other branch of a condition, and not all steps up to the end of a loop or a
    /// subroutine that the first branch leaves.
    fn is_straight(&mut self, start: usize, end: usize) -> Running<bool> {
        self.spend(end.saturating_sub(start) as u64)?;
        let mut jumps = (start..end).filter_map(|place| self.jump_at(place));
        Ok(jumps.all(|to| to > self.at))
    }

    fn forget(&mut self, start: usize, end: usize) {
        let steps = self.program.steps.get(start..end).unwrap_or_default();
        for step in steps {
            // An analysis that will end early need not mark them unknown.
            if self.work > MAX_WORK {
                break;
            }
            self.work = self.work.saturating_add(self.known.forget(step));
        }
    }

    /// A value, if it is known. A value that no run could compute is a mistake if all runs reach it.
    fn value(&self, expr: &Expr) -> Running<Option<crate::ir::value::Value>> {
        let known = self.known.value(expr);
        if known.is_none() {
            self.doubt(expr);
        }
        self.sure(known)
    }

    fn sure<T>(&self, known: Option<Running<T>>) -> Running<Option<T>> {
        match known {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(error)) if !self.found.is_open => Err(error),
            // Only a run that reaches it has the mistake.
            Some(Err(_)) => {
                self.is_doubtful.set(true);
                Ok(None)
            }
            None => Ok(None),
        }
    }
}
