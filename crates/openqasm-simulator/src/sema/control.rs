//! Control flow, flattened to jumps.

use crate::error::Diagnostic;
use crate::ir::operator::BinaryOp;
use crate::ir::program::{Action, Domain, Expr, LoopNext, LoopStart};
use crate::ir::value::{Type, Value};
use crate::sema::expression::{is_pattern, unsigned};
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, Case, ForLoop, Statement};
use std::collections::HashSet;

/// The minimum cost of a program, however its measurements turn out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub gates: u64,
    pub steps: u64,
}

/// An enclosing loop, for `break` and `continue`.
pub(crate) struct LoopFrame {
    pub again: usize,
    pub breaks: Vec<usize>,
    /// In an unrolled loop: jumps to the end of this turn.
    pub continues: Vec<usize>,
    /// In an unrolled loop: bits, first and number, that only this turn uses.
    pub bits: Vec<(u32, u32)>,
    pub left_early: bool,
}

/// A jump whose target is not known yet.
pub(crate) const UNKNOWN: usize = usize::MAX;

impl<'s> Checker<'s> {
    /// Sets the target of the jump at that step.
    pub(crate) fn patch(&mut self, step: usize, goal: usize) {
        match self.steps.get_mut(step).map(|step| &mut step.action) {
            Some(Action::Jump(to) | Action::Unless { to, .. }) => *to = goal,
            Some(Action::LoopNext(next)) => next.exit = goal,
            _ => {}
        }
    }

    /// Checks statements in a new scope.
    pub(crate) fn scoped(&mut self, body: &[Statement<'s>]) {
        self.scopes.push(std::collections::HashMap::new());
        for statement in body {
            self.statement(statement);
        }
        self.scopes.pop();
    }

    /// Checks statements that may not run: they add nothing to the minimum cost.
    pub(crate) fn conditionally(&mut self, body: &[Statement<'s>]) {
        let before = self.usage.cost;
        self.scoped(body);
        self.usage.cost = before;
    }

    pub(crate) fn jump(&mut self, to: usize, at: u32) -> Checked<usize> {
        self.emit(Action::Jump(to), at)?;
        Ok(self.steps.len() - 1)
    }

    pub(crate) fn branch_unless(&mut self, condition: Expr, at: u32) -> Checked<usize> {
        self.emit(
            Action::Unless {
                condition,
                to: UNKNOWN,
            },
            at,
        )?;
        Ok(self.steps.len() - 1)
    }

    pub(crate) fn if_statement(
        &mut self,
        condition: &ast::Expr<'s>,
        then: &[Statement<'s>],
        otherwise: &[Statement<'s>],
        at: u32,
    ) -> Checked<()> {
        let condition = self.condition(condition)?;
        if let Expr::Constant(value) = condition
            && self.is_unrolling()
        {
            let holds = value.truth().unwrap_or(true);
            let (live, dead) = if holds {
                (then, otherwise)
            } else {
                (otherwise, then)
            };
            let checkpoint = self.checkpoint();
            let unreached = std::mem::replace(&mut self.unreached, true);
            self.scoped(dead);
            self.unreached = unreached;
            self.drop_unreached(&checkpoint);
            self.scoped(live);
            return Ok(());
        }
        let known = match &condition {
            Expr::Constant(value) => value.truth().ok(),
            _ => None,
        };
        let skip = self.branch_unless(condition, at)?;
        let unreached = self.unreached;
        self.unreached = unreached || known == Some(false);
        self.conditionally(then);
        self.unreached = unreached;
        if otherwise.is_empty() {
            self.patch(skip, self.steps.len());
            return Ok(());
        }
        let done = self.jump(UNKNOWN, at)?;
        self.patch(skip, self.steps.len());
        self.unreached = unreached || known == Some(true);
        self.conditionally(otherwise);
        self.unreached = unreached;
        self.patch(done, self.steps.len());
        Ok(())
    }

    pub(crate) fn while_loop(
        &mut self,
        condition: &ast::Expr<'s>,
        body: &[Statement<'s>],
        at: u32,
    ) -> Checked<()> {
        let again = self.steps.len();
        let condition = self.condition(condition)?;
        let exit = self.branch_unless(condition, at)?;
        self.push_loop(again);
        self.conditionally(body);
        self.jump(again, at)?;
        self.patch(exit, self.steps.len());
        self.pop_loop();
        Ok(())
    }

    pub(crate) fn for_loop(&mut self, ast: &ForLoop<'s>, at: u32) -> Checked<()> {
        let ty = self.type_of(&ast.ty)?;
        let (domain, times) = self.domain(&ast.domain, ty)?;
        let turns = self.turns(&domain, ty);
        let unrolled = match &turns {
            Some(turns) => self.unrolled_loop(ast, turns, ty),
            None => Err(Vec::new()),
        };
        let Err(mistakes) = unrolled else {
            return self.check_cost(at);
        };
        let checkpoint = self.checkpoint();
        let before = self.errors.len();
        let unrolls = std::mem::replace(&mut self.unrolling.is_allowed, false);
        let unreached = self.unreached;
        self.unreached |= turns.as_ref().is_some_and(Vec::is_empty);
        let result = self.turning_loop(ast, (domain, times), ty, at);
        self.unrolling.is_allowed = unrolls;
        self.unreached = unreached;
        if turns.is_some_and(|turns| turns.is_empty()) {
            self.drop_unreached(&checkpoint);
        }
        // If the loop is wrong in both forms, the form with a known loop variable gives the better message.
        if self.errors.len() > before && !mistakes.is_empty() && self.work.stopped.is_none() {
            self.errors.truncate(before);
            self.errors.extend(mistakes);
            return Ok(());
        }
        result
    }

    /// A loop that counts its turns at run time.
    fn turning_loop(
        &mut self,
        ast: &ForLoop<'s>,
        (domain, times): (Domain, u64),
        ty: Type,
        at: u32,
    ) -> Checked<()> {
        let state = self.new_variable();
        self.usage.variables += 2;
        let variable = self.new_variable();
        self.emit(
            Action::LoopStart(Box::new(LoopStart {
                domain: domain.clone(),
                state,
            })),
            at,
        )?;
        let again = self.steps.len();
        let before = self.usage.cost;
        let next = LoopNext {
            domain,
            state,
            variable,
            ty,
            exit: UNKNOWN,
        };
        self.emit(Action::LoopNext(Box::new(next)), at)?;
        self.scopes.push(std::collections::HashMap::new());
        self.push_loop(again);
        self.declare(ast.variable, Symbol::Variable { slot: variable, ty })?;
        self.scoped(&ast.body);
        self.scopes.pop();
        self.jump(again, at)?;
        self.patch(again, self.steps.len());
        if self.pop_loop() {
            self.usage.cost = before;
            return Ok(());
        }
        let total = |before: u64, after: u64| {
            before.saturating_add(after.saturating_sub(before).saturating_mul(times))
        };
        self.usage.cost.gates = total(before.gates, self.usage.cost.gates);
        self.usage.cost.steps = total(before.steps, self.usage.cost.steps);
        self.check_cost(at)
    }

    /// The values of a loop, and their minimum number.
    fn domain(&mut self, ast: &ast::Domain<'s>, ty: Type) -> Checked<(Domain, u64)> {
        match ast {
            ast::Domain::Set(items) => {
                let values = items
                    .iter()
                    .map(|item| self.loop_value(item, ty))
                    .collect::<Checked<Vec<Expr>>>()?;
                let times = values.len() as u64;
                Ok((Domain::Values(values.into()), times))
            }
            ast::Domain::Each(reference) => {
                let values = self.each(reference, ty)?;
                let times = values.len() as u64;
                Ok((Domain::Values(values.into()), times))
            }
            ast::Domain::Range(range) => {
                let mut part = |part: &Option<ast::Expr<'s>>| match part {
                    Some(ast) => self.assignable(ast, Type::Int(64)),
                    None => Ok(Expr::Constant(Value::Int(1))),
                };
                let (start, step) = (part(&range.start)?, part(&range.step)?);
                if range.end.is_none() {
                    return Err(Diagnostic::new(
                        range.at,
                        "the range of a loop needs an end",
                    ));
                }
                let end = part(&range.end)?;
                let times = match (&start, &step, &end) {
                    (Expr::Constant(start), Expr::Constant(step), Expr::Constant(end)) => {
                        let number = |value: &Value| value.as_int().unwrap_or_default();
                        let (start, step, end) = (number(start), number(step), number(end));
                        if step == 0 {
                            return Err(Diagnostic::new(
                                range.at,
                                "the step of a range must not be 0",
                            ));
                        }
                        u64::try_from(((end - start) / step).saturating_add(1).max(0))
                            .unwrap_or(u64::MAX)
                    }
                    _ => 0,
                };
                Ok((Domain::Range([start, step, end].into()), times))
            }
        }
    }

    /// A value of a loop, computed before its first turn: the body may change its operands.
    fn loop_value(&mut self, item: &ast::Expr<'s>, ty: Type) -> Checked<Expr> {
        let value = self.assignable(item, ty)?;
        if matches!(value, Expr::Constant(_)) {
            return Ok(value);
        }
        let slot = self.new_variable();
        self.emit(Action::SetVariable { slot, ty, value }, item.at)?;
        Ok(Expr::Variable(slot))
    }

    pub(crate) fn switch(
        &mut self,
        subject: &ast::Expr<'s>,
        cases: &[Case<'s>],
        default: &[Statement<'s>],
        at: u32,
    ) -> Checked<()> {
        let subject_at = subject.at;
        let mut subject = self.expression(subject)?;
        for value in cases.iter().flat_map(|case| &case.values) {
            if matches!(subject.expr, Expr::Cast(..))
                && is_pattern(
                    &subject.expr,
                    self.constant_int(value, "the value of a case")?,
                )
            {
                subject = unsigned(subject);
            }
        }
        if let Err(error) = subject.sample.as_int() {
            return Err(Diagnostic::new(subject_at, error.message()));
        }
        let slot = self.new_variable();
        let value = Expr::Cast(Type::Int(128), Box::new(subject.expr), subject_at);
        self.emit(
            Action::SetVariable {
                slot,
                ty: Type::Int(128),
                value,
            },
            at,
        )?;
        let mut done = Vec::new();
        let mut labels = HashSet::new();
        for case in cases {
            let condition = self.case_condition(slot, &case.values, &mut labels)?;
            let skip = self.branch_unless(condition, at)?;
            self.conditionally(&case.body);
            done.push(self.jump(UNKNOWN, at)?);
            self.patch(skip, self.steps.len());
        }
        self.conditionally(default);
        for jump in done {
            self.patch(jump, self.steps.len());
        }
        Ok(())
    }

    /// Whether the subject is one of the values. Built as a balanced tree, because there may be many.
    fn case_condition(
        &mut self,
        slot: usize,
        values: &[ast::Expr<'s>],
        labels: &mut HashSet<i128>,
    ) -> Checked<Expr> {
        let mut tests = Vec::with_capacity(values.len());
        for value in values {
            let number = self.constant_int(value, "the value of a case")?;
            if !labels.insert(number) {
                let message = format!("{number} is the value of two cases");
                return Err(Diagnostic::new(value.at, message));
            }
            let sides = (Expr::Variable(slot), Expr::Constant(Value::Int(number)));
            tests.push(Expr::Binary(BinaryOp::Equal, Box::new(sides), value.at));
        }
        while tests.len() > 1 {
            let mut pairs = Vec::with_capacity(tests.len().div_ceil(2));
            let mut tests_left = tests.into_iter();
            while let Some(left) = tests_left.next() {
                pairs.push(match tests_left.next() {
                    Some(right) => Expr::Binary(BinaryOp::Or, Box::new((left, right)), 0),
                    None => left,
                });
            }
            tests = pairs;
        }
        Ok(tests.pop().unwrap_or(Expr::Constant(Value::Bool(false))))
    }

    pub(crate) fn push_loop(&mut self, again: usize) {
        self.loops.push(LoopFrame {
            again,
            breaks: Vec::new(),
            continues: Vec::new(),
            bits: Vec::new(),
            left_early: false,
        });
    }

    /// Ends a turn of the innermost loop here.
    pub(crate) fn end_turn(&mut self) {
        let frame = self.loops.last_mut();
        let continues = frame.map(|frame| std::mem::take(&mut frame.continues));
        for jump in continues.unwrap_or_default() {
            self.patch(jump, self.steps.len());
        }
        let frame = self.loops.last_mut();
        let bits = frame.map(|frame| std::mem::take(&mut frame.bits));
        for (first, len) in bits.unwrap_or_default() {
            self.spare_bits.entry(len).or_default().push(first);
        }
    }

    /// Ends the innermost loop here; returns whether it may have been left early.
    pub(crate) fn pop_loop(&mut self) -> bool {
        let Some(frame) = self.loops.pop() else {
            return false;
        };
        for jump in frame.breaks {
            self.patch(jump, self.steps.len());
        }
        if let Some(outer) = self.loops.last_mut() {
            outer.left_early |= frame.left_early;
        }
        frame.left_early
    }

    pub(crate) fn leave_loop(&mut self, at: u32, for_good: bool) -> Checked<()> {
        let Some(frame) = self.loops.last_mut() else {
            let word = if for_good { "break" } else { "continue" };
            return Err(Diagnostic::new(at, format!("`{word}` outside of a loop")));
        };
        frame.left_early = true;
        let again = frame.again;
        let jump = self.jump(if for_good { UNKNOWN } else { again }, at)?;
        if let Some(frame) = self.loops.last_mut() {
            if for_good {
                frame.breaks.push(jump);
            } else if again == UNKNOWN {
                frame.continues.push(jump);
            }
        }
        Ok(())
    }

    /// `end;` jumps to the end of the program.
    pub(crate) fn end(&mut self, at: u32) -> Checked<()> {
        for frame in &mut self.loops {
            frame.left_early = true;
        }
        for frame in &mut self.calls {
            frame.left_early = true;
            frame
                .loops
                .iter_mut()
                .for_each(|frame| frame.left_early = true);
        }
        let jump = self.jump(UNKNOWN, at)?;
        self.ends.push(jump);
        Ok(())
    }
}
