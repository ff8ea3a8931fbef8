//! Unrolled `for` loops over constants: in each turn the loop variable is a constant, so indices, slices, aliases and
//! angles that depend on it are known before the run. This determines the qubits that gates touch, and which gates
//! are Clifford.
//!
//! A loop that is long, or that has any mistake, runs as a loop: a mistake in a turn that is never reached, such as
//! `if (i < 3) { x q[i + 1]; }`, is then none.

use crate::error::Diagnostic;
use crate::ir::program::{Domain, Expr};
use crate::ir::value::{Type, Value};
use crate::limits::MAX_CALLED_PARTS;
use crate::sema::Checker;
use crate::sema::control::{LoopFrame, UNKNOWN};
use crate::sema::scope::Symbol;
use crate::sema::usage::Usage;
use crate::syntax::ast::ForLoop;
use std::collections::HashMap;

/// Maximum turns of an unrolled loop.
const MAX_TURNS: usize = 4_096;

/// The state of the checker before a trial, for a rollback.
pub(crate) struct Checkpoint {
    usage: Usage,
    errors: usize,
    steps: usize,
    ends: usize,
    parts: u64,
    loops: usize,
    /// Jumps and bits of the enclosing loop.
    inner: [usize; 3],
    /// Jumps and bits of the enclosing call.
    call: [usize; 2],
    registers: usize,
}

impl<'s> Checker<'s> {
    /// Emits the body of a loop once for each value of its variable; on mistakes, emits nothing and returns them.
    pub(crate) fn unrolled_loop(
        &mut self,
        ast: &ForLoop<'s>,
        values: &[Value],
        ty: Type,
    ) -> Result<(), Vec<Diagnostic>> {
        if values.is_empty() {
            return Err(Vec::new());
        }
        // Listing the values is work too, even if no turn is kept.
        let listed = values.len() as u64 / 8;
        self.unrolling.left = self.unrolling.left.saturating_sub(listed);
        let checkpoint = self.checkpoint();
        let (mut variables, mut elements) = (self.usage.variables, self.usage.array_elements);
        self.push_loop(UNKNOWN);
        for (turn, value) in values.iter().enumerate() {
            let scope = HashMap::from([(ast.variable.text, Symbol::Constant(*value, ty))]);
            self.scopes.push(scope);
            self.scoped(&ast.body);
            self.scopes.pop();
            self.end_turn();
            let wrong = self.errors.len() > checkpoint.errors || self.is_over();
            if wrong || (turn == 0 && !self.has_room(&checkpoint, values.len())) {
                let found = self.errors.get(checkpoint.errors..).unwrap_or_default();
                let mistakes = found.to_vec();
                self.rollback(&checkpoint);
                return Err(mistakes);
            }
            // Declarations of a turn end with it.
            variables = variables.max(self.usage.variables);
            elements = elements.max(self.usage.array_elements);
            (self.usage.variables, self.usage.array_elements) =
                (checkpoint.usage.variables, checkpoint.usage.array_elements);
        }
        (self.usage.variables, self.usage.array_elements) = (variables, elements);
        self.unrolling.left = self
            .unrolling
            .left
            .saturating_sub(self.parts - checkpoint.parts);
        if self.pop_loop() {
            self.usage.cost = checkpoint.usage.cost;
        }
        Ok(())
    }

    /// The values of a loop variable, if they are known and not too many.
    pub(crate) fn turns(&self, domain: &Domain, ty: Type) -> Option<Vec<Value>> {
        if !self.unrolling.is_allowed || self.unrolling.left == 0 {
            return None;
        }
        let values: Vec<Value> = match domain {
            Domain::Values(values) => {
                let constant = |expr: &Expr| match expr {
                    Expr::Constant(value) => Some(*value),
                    _ => None,
                };
                values.iter().map(constant).collect::<Option<_>>()?
            }
            Domain::Range(parts) => {
                let [
                    Expr::Constant(start),
                    Expr::Constant(step),
                    Expr::Constant(end),
                ] = &**parts
                else {
                    return None;
                };
                let (start, step) = (start.as_int().ok()?, step.as_int().ok()?);
                let end = end.as_int().ok()?;
                let inside = |value: &i128| {
                    if step > 0 {
                        *value <= end
                    } else {
                        *value >= end
                    }
                };
                std::iter::successors(Some(start), |value| value.checked_add(step))
                    .take_while(inside)
                    .take(MAX_TURNS + 1)
                    .map(Value::Int)
                    .collect()
            }
        };
        let converted = values.iter().map(|value| value.assign_to(ty).ok());
        (values.len() <= MAX_TURNS).then(|| converted.collect())?
    }

    /// The innermost loop that is being unrolled here.
    pub(crate) fn unrolling(&mut self) -> Option<&mut LoopFrame> {
        let mut frames = self.loops.iter_mut().rev();
        frames.find(|frame| frame.again == UNKNOWN)
    }

    pub(crate) fn is_unrolling(&self) -> bool {
        self.loops.iter().any(|frame| frame.again == UNKNOWN)
    }

    /// Whether all turns of a loop fit the limits, judged by the first.
    fn has_room(&self, checkpoint: &Checkpoint, turns: usize) -> bool {
        let turns = turns as u64;
        let parts = (self.parts - checkpoint.parts).saturating_mul(turns);
        let called = u64::from(self.usage.called_parts - checkpoint.usage.called_parts)
            .saturating_mul(turns);
        // Calls have a separate limit, which is an error and not a reason for a rollback.
        let called_left =
            u64::from(MAX_CALLED_PARTS.saturating_sub(checkpoint.usage.called_parts)) / 2;
        parts <= self.unrolling.left && called <= called_left
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let inner = self.loops.last();
        let call = self.calls.last();
        Checkpoint {
            usage: self.usage,
            errors: self.errors.len(),
            steps: self.steps.len(),
            ends: self.ends.len(),
            parts: self.parts,
            loops: self.loops.len(),
            inner: inner.map_or([0; 3], |frame| {
                [frame.breaks.len(), frame.continues.len(), frame.bits.len()]
            }),
            registers: self.registers.len(),
            call: call.map_or([0; 2], |frame| [frame.returns.len(), frame.bits.len()]),
        }
    }

    /// Removes the bits added since the checkpoint from the registers of measurements without a target.
    fn forget_measurements(&mut self, checkpoint: &Checkpoint) {
        self.registers.truncate(checkpoint.registers);
        self.implicit
            .retain(|_, index| *index < checkpoint.registers);
        for index in self.implicit.values() {
            if let Some(register) = self.registers.get_mut(*index) {
                register
                    .parts
                    .retain(|(first, _)| *first < checkpoint.usage.bits);
                register.len = register.parts.iter().map(|(_, len)| *len).sum();
            }
        }
    }

    /// Removes the steps of unreachable statements; mistakes in them are kept.
    pub(crate) fn drop_unreached(&mut self, checkpoint: &Checkpoint) {
        if self.errors.len() == checkpoint.errors {
            self.rollback(checkpoint);
        }
    }

    /// Restores the checkpoint. The work counts nevertheless.
    fn rollback(&mut self, checkpoint: &Checkpoint) {
        self.unrolling.left = self
            .unrolling
            .left
            .saturating_sub(self.parts - checkpoint.parts);
        self.errors.truncate(checkpoint.errors);
        self.steps.truncate(checkpoint.steps);
        self.ends.truncate(checkpoint.ends);
        self.loops.truncate(checkpoint.loops);
        self.forget_measurements(checkpoint);
        let has_new_bits = self.usage.bits > checkpoint.usage.bits;
        self.usage = checkpoint.usage;
        // What exceeded the memory limit is dropped.
        self.memory.is_exceeded = false;
        if has_new_bits {
            for spare in self.spare_bits.values_mut() {
                spare.retain(|bit| *bit < checkpoint.usage.bits);
            }
        }
        if let Some(frame) = self.loops.last_mut() {
            let [breaks, continues, bits] = checkpoint.inner;
            frame.breaks.truncate(breaks);
            frame.continues.truncate(continues);
            frame.bits.truncate(bits);
        }
        if let Some(frame) = self.calls.last_mut() {
            let [returns, bits] = checkpoint.call;
            frame.returns.truncate(returns);
            frame.bits.truncate(bits);
        }
    }
}
