//! `for` loops over constants, unrolled: in each turn the loop variable is a constant, so indices,
//! slices, aliases and angles made of it are known before the run. The qubits that gates touch are
//! then known, and so is which gates are Clifford.
//!
//! A loop that is long, or in which anything is wrong, runs as a loop: then a mistake in a turn
//! that is never reached, such as `if (i < 3) { x q[i + 1]; }`, is none.

use super::super::super::error::Diagnostic;
use super::super::super::limits::MAX_CALLED_PARTS;
use super::super::super::program::{Domain, Expr};
use super::super::super::value::{Type, Value};
use super::super::ast::ForLoop;
use super::Checker;
use super::control::{Cost, LoopFrame, UNKNOWN};
use super::scope::Symbol;
use std::collections::HashMap;

/// Longest loop that is unrolled, in turns.
const MAX_TURNS: usize = 4_096;

/// Where the checker was before something was tried, to go back to.
pub(super) struct Mark {
    errors: usize,
    steps: usize,
    ends: usize,
    variables: usize,
    bits: u32,
    cost: Cost,
    listed: usize,
    array_elements: usize,
    called_parts: u32,
    parts: u64,
    loops: usize,
    /// Jumps and bits of the loop around it.
    inner: [usize; 3],
    /// Jumps and bits of the call around it.
    call: [usize; 2],
    registers: usize,
}

impl<'s> Checker<'s> {
    /// Puts the body of a loop here once for each value of its variable, or nothing, with the
    /// mistakes that were found.
    pub(super) fn unrolled_loop(
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
        self.unrolled_left = self.unrolled_left.saturating_sub(listed);
        let mark = self.mark();
        let (mut variables, mut elements) = (self.variables, self.array_elements);
        self.push_loop(UNKNOWN);
        for (turn, value) in values.iter().enumerate() {
            let scope = HashMap::from([(ast.variable.text, Symbol::Constant(*value, ty))]);
            self.scopes.push(scope);
            self.scoped(&ast.body);
            self.scopes.pop();
            self.end_turn();
            let wrong = self.errors.len() > mark.errors || self.is_over();
            if wrong || (turn == 0 && !self.has_room(&mark, values.len())) {
                let found = self.errors.get(mark.errors..).unwrap_or_default();
                let mistakes = found.to_vec();
                self.go_back(&mark);
                return Err(mistakes);
            }
            // What a turn declares is gone with it.
            variables = variables.max(self.variables);
            elements = elements.max(self.array_elements);
            (self.variables, self.array_elements) = (mark.variables, mark.array_elements);
        }
        (self.variables, self.array_elements) = (variables, elements);
        self.unrolled_left = self.unrolled_left.saturating_sub(self.parts - mark.parts);
        if self.pop_loop() {
            self.cost = mark.cost;
        }
        Ok(())
    }

    /// The values of a loop variable, if they are known, and not too many to try.
    pub(super) fn turns(&self, domain: &Domain, ty: Type) -> Option<Vec<Value>> {
        if !self.unrolls || self.unrolled_left == 0 {
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
    pub(super) fn unrolling(&mut self) -> Option<&mut LoopFrame> {
        let mut frames = self.loops.iter_mut().rev();
        frames.find(|frame| frame.again == UNKNOWN)
    }

    pub(super) fn is_unrolling(&self) -> bool {
        self.loops.iter().any(|frame| frame.again == UNKNOWN)
    }

    /// Whether all turns of a loop can be unrolled, judged by the first.
    fn has_room(&self, mark: &Mark, turns: usize) -> bool {
        let turns = turns as u64;
        let parts = (self.parts - mark.parts).saturating_mul(turns);
        let called = u64::from(self.called_parts - mark.called_parts).saturating_mul(turns);
        // Calls have a limit of their own, which is an error and not a reason to go back.
        let called_left = u64::from(MAX_CALLED_PARTS.saturating_sub(mark.called_parts)) / 2;
        parts <= self.unrolled_left && called <= called_left
    }

    pub(super) fn mark(&self) -> Mark {
        let inner = self.loops.last();
        let call = self.calls.last();
        Mark {
            errors: self.errors.len(),
            steps: self.steps.len(),
            ends: self.ends.len(),
            variables: self.variables,
            bits: self.bits,
            cost: self.cost,
            listed: self.listed,
            array_elements: self.array_elements,
            called_parts: self.called_parts,
            parts: self.parts,
            loops: self.loops.len(),
            inner: inner.map_or([0; 3], |frame| {
                [frame.breaks.len(), frame.continues.len(), frame.bits.len()]
            }),
            registers: self.registers.len(),
            call: call.map_or([0; 2], |frame| [frame.returns.len(), frame.bits.len()]),
        }
    }

    /// Takes the bits that were added since then from the registers of measurements without a
    /// target.
    fn forget_measurements(&mut self, mark: &Mark) {
        self.registers.truncate(mark.registers);
        self.implicit.retain(|_, index| *index < mark.registers);
        for index in self.implicit.values() {
            if let Some(register) = self.registers.get_mut(*index) {
                register.parts.retain(|(first, _)| *first < mark.bits);
                register.len = register.parts.iter().map(|(_, len)| *len).sum();
            }
        }
    }

    /// Leaves nothing of statements that are never reached, but for mistakes in them.
    pub(super) fn drop_unreached(&mut self, mark: &Mark) {
        if self.errors.len() == mark.errors {
            self.go_back(mark);
        }
    }

    /// Forgets what was checked since then. The work counts nevertheless.
    fn go_back(&mut self, mark: &Mark) {
        self.unrolled_left = self.unrolled_left.saturating_sub(self.parts - mark.parts);
        self.errors.truncate(mark.errors);
        self.steps.truncate(mark.steps);
        self.ends.truncate(mark.ends);
        self.loops.truncate(mark.loops);
        self.variables = mark.variables;
        self.forget_measurements(mark);
        let has_new_bits = self.bits > mark.bits;
        self.bits = mark.bits;
        self.cost = mark.cost;
        self.listed = mark.listed;
        self.array_elements = mark.array_elements;
        self.called_parts = mark.called_parts;
        if has_new_bits {
            for spare in self.spare_bits.values_mut() {
                spare.retain(|bit| *bit < mark.bits);
            }
        }
        if let Some(frame) = self.loops.last_mut() {
            let [breaks, continues, bits] = mark.inner;
            frame.breaks.truncate(breaks);
            frame.continues.truncate(continues);
            frame.bits.truncate(bits);
        }
        if let Some(frame) = self.calls.last_mut() {
            let [returns, bits] = mark.call;
            frame.returns.truncate(returns);
            frame.bits.truncate(bits);
        }
    }
}
