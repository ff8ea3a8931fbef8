//! The limits of the checking work, and of the program's size.

use crate::error::Diagnostic;
use crate::ir::heap_size;
use crate::ir::program::{Action, Step};
use crate::limits::{
    MAX_CALL_NESTING, MAX_CALLED_PARTS, MAX_ERRORS, MAX_GATES, MAX_LOOP_PARTS, MAX_NAMES,
    MAX_PARTS, MAX_PROGRAM_STEPS, MAX_STEPS, MEMORY_SETTING,
};
use crate::resources::stop::{Stop, Stopped};
use crate::sema::{Checked, Checker, control, reads};

/// More ranges of bits than a value can have: only an alias names that many.
const MANY_READS: usize = 128;

/// Memory of a name that is declared outside of blocks, in bytes.
const NAME_BYTES: u64 = 288;
/// Memory of a gate, an operand or a value in a definition, in bytes.
const GATE_PART_BYTES: u64 = 128;

/// The work of checking, and what ends it.
#[derive(Default)]
pub(crate) struct CheckingWork {
    pub(crate) stop: Stop,
    pub(crate) stopped: Option<Stopped>,
    /// Steps since the last look at `stop`.
    done: u32,
}

/// How far loops over constants are unrolled.
pub(crate) struct Unrolling {
    /// Whether they may be unrolled here.
    pub(crate) is_allowed: bool,
    /// How many statements, operands and values loops may still be unrolled to.
    pub(crate) left: u64,
    /// What definitions of gates amount to with their loops unrolled.
    pub(crate) in_gates: u32,
}

impl Default for Unrolling {
    fn default() -> Self {
        Self {
            is_allowed: true,
            left: MAX_LOOP_PARTS,
            in_gates: 0,
        }
    }
}

impl Checker<'_> {
    /// Whether checking cannot usefully continue.
    pub(crate) fn is_over(&self) -> bool {
        self.errors.len() >= MAX_ERRORS || self.is_too_large() || self.work.stopped.is_some()
    }

    /// Whether a count has exceeded its limit: that was reported, and holds for all following statements.
    fn is_too_large(&self) -> bool {
        self.usage.called_parts > MAX_CALLED_PARTS
            || self.parts > MAX_PARTS
            || self.steps.len() > MAX_PROGRAM_STEPS
            || self.names > MAX_NAMES
            || self.memory.is_exceeded
    }

    /// Counts work, and checks the stop flag from time to time.
    pub(crate) fn charge(&mut self, amount: u32) {
        self.work.done = self.work.done.saturating_add(amount);
        if self.work.done >= 1 << 16 {
            self.work.done = 0;
            self.work.stopped = self.work.stopped.or(self.work.stop.check().err());
        }
    }

    /// Counts a statement, an operand or a value that may be repeated.
    pub(crate) fn count_part(&mut self, at: u32) -> Checked<()> {
        self.charge(1 << 4);
        self.parts += 1;
        if self.parts == MAX_PARTS + 1 {
            return Err(Diagnostic::limit(
                at,
                format!("the circuit has more than {MAX_PARTS} statements, operands and values"),
            ));
        }
        if self.in_gate {
            self.unroll(1, at)?;
        }
        if self.calls.is_empty() || self.is_over() {
            return Ok(());
        }
        self.usage.called_parts += 1;
        if self.usage.called_parts > MAX_CALLED_PARTS {
            return Err(Diagnostic::limit(
                at,
                format!(
                    "the circuit has more than {MAX_CALLED_PARTS} statements, operands and values when each call is replaced by what it calls"
                ),
            ));
        }
        Ok(())
    }

    /// Counts a name that stays declared up to the end of the program.
    pub(crate) fn count_name(&mut self, at: u32) -> Checked<()> {
        self.names += 1;
        if self.names == MAX_NAMES + 1 {
            return Err(Diagnostic::limit(
                at,
                format!("the circuit declares more than {MAX_NAMES} names"),
            ));
        }
        Ok(())
    }

    /// Checks one level of nesting. Depths within the parser's limit can add up in calls.
    pub(crate) fn nested<T>(
        &mut self,
        at: u32,
        check: impl FnOnce(&mut Self) -> Checked<T>,
    ) -> Checked<T> {
        if self.nesting >= MAX_CALL_NESTING && !self.calls.is_empty() {
            return Err(Diagnostic::limit(
                at,
                format!("statements nest more than {MAX_CALL_NESTING} deep through calls"),
            ));
        }
        self.count_part(at)?;
        self.nesting += 1;
        let result = check(self);
        self.nesting -= 1;
        result
    }

    pub(crate) fn emit(&mut self, action: Action, at: u32) -> Checked<()> {
        let reads = reads::of(&action).into_boxed_slice();
        // An index known only at run time may read each element of an alias.
        if reads.len() > MANY_READS {
            self.count_listed(reads.len(), at)?;
        }
        let step = Step { action, at, reads };
        self.usage.step_bytes += heap_size::of_step(&step);
        self.steps.push(step);
        self.check_memory(at)?;
        if self.steps.len() == MAX_PROGRAM_STEPS + 1 {
            return Err(Diagnostic::limit(
                at,
                format!("the circuit has more than {MAX_PROGRAM_STEPS} statements that are run"),
            ));
        }
        self.usage.cost.steps = self.usage.cost.steps.saturating_add(1);
        self.check_cost(at)
    }

    /// The memory of the program so far, estimated from above.
    pub(crate) fn program_bytes(&self) -> u64 {
        let names = (self.names as u64).saturating_mul(NAME_BYTES);
        let gates = u64::from(self.unrolling.in_gates).saturating_mul(GATE_PART_BYTES);
        let blocks = self
            .usage
            .step_bytes
            .saturating_add(names)
            .saturating_add(gates);
        // The allocator's pages are not filled to the last block.
        blocks.saturating_add(blocks / 8)
    }

    /// The memory that the tree of the next statement may take.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.memory.limit.saturating_sub(self.program_bytes())
    }

    /// Reports once that the program does not fit: no following statement can.
    fn check_memory(&mut self, at: u32) -> Checked<()> {
        let needed = self.program_bytes().saturating_add(self.memory.tree_bytes);
        if needed <= self.memory.limit || self.memory.is_exceeded {
            return Ok(());
        }
        self.memory.is_exceeded = true;
        Err(self.over_memory(at))
    }

    /// The refusal of a program that takes more memory than its limit.
    pub(crate) fn over_memory(&self, at: u32) -> Diagnostic {
        let limit = self.memory.limit;
        Diagnostic::limit(
            at,
            format!(
                "the text of the circuit takes more than {limit} bytes of memory up to here, which is the limit; {MEMORY_SETTING} sets it"
            ),
        )
    }

    pub(crate) fn check_cost(&mut self, at: u32) -> Checked<()> {
        if self.usage.cost.gates > MAX_GATES || self.usage.cost.steps > MAX_STEPS {
            // Reported once: all following statements would exceed the limit as well.
            self.usage.cost = control::Cost::default();
            return Err(Diagnostic::limit(
                at,
                format!(
                    "this circuit needs more than {MAX_GATES} gates or {MAX_STEPS} statements when it runs"
                ),
            ));
        }
        Ok(())
    }
}
