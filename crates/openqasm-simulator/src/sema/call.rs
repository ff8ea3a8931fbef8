//! Calls of subroutines, inlined at the call site.

use crate::error::Diagnostic;
use crate::ir::program::{Action, Expr};
use crate::ir::value::Type;
use crate::limits::MAX_CALL_DEPTH;
use crate::sema::control::UNKNOWN;
use crate::sema::declaration::zero;
use crate::sema::scope::Symbol;
use crate::sema::subroutine::{Argument, Frame, ResultTarget, Subroutine};
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, Source, Statement};
use std::collections::HashMap;

impl<'s> Checker<'s> {
    /// Emits the steps of a call. Also returns whether the body has a `return`.
    pub(crate) fn inline(
        &mut self,
        subroutine: &Subroutine<'s>,
        arguments: Vec<Argument>,
        at: u32,
        rehearsal: bool,
    ) -> Checked<(ResultTarget, bool)> {
        if self.calls.len() >= MAX_CALL_DEPTH {
            return Err(Diagnostic::limit(
                at,
                format!("subroutines call each other more than {MAX_CALL_DEPTH} deep"),
            ));
        }
        let result = self.result_place(subroutine.result, at)?;
        let (scopes, cost) = (self.scopes.split_off(1), self.usage.cost);
        self.scopes.push(HashMap::new());
        self.calls.push(Frame {
            name: subroutine.ast.name.text,
            result: result.clone(),
            returns: Vec::new(),
            bits: Vec::new(),
            loops: std::mem::take(&mut self.loops),
            left_early: false,
            rehearsal,
        });
        let bound = self.bind(&subroutine.ast, arguments, at);
        if bound.is_ok() {
            self.body(&subroutine.ast.body);
        }
        self.scopes.truncate(1);
        self.scopes.extend(scopes);
        let Some(frame) = self.calls.pop() else {
            return bound.map(|()| (result, false));
        };
        self.loops = frame.loops;
        for jump in &frame.returns {
            self.patch(*jump, self.steps.len());
        }
        for (first, len) in frame.bits {
            self.spare_bits.entry(len).or_default().push(first);
        }
        if frame.left_early {
            self.usage.cost = cost;
        }
        bound.map(|()| (result, !frame.returns.is_empty()))
    }

    pub(crate) fn is_rehearsal(&self) -> bool {
        self.calls.first().is_some_and(|frame| frame.rehearsal)
    }

    fn body(&mut self, body: &[Statement<'s>]) {
        for statement in body {
            self.statement(statement);
        }
    }

    fn result_place(&mut self, ty: Option<Type>, at: u32) -> Checked<ResultTarget> {
        Ok(match ty {
            None => ResultTarget::Nowhere,
            Some(Type::Bits(width)) => {
                let target = self.temporary(width, at)?;
                self.clear_bits(&target, at)?;
                ResultTarget::Bits(target)
            }
            Some(ty) => {
                let (slot, value) = (self.new_variable(), Expr::Constant(zero(ty)));
                self.emit(Action::SetVariable { slot, ty, value }, at)?;
                ResultTarget::Variable(slot, ty)
            }
        })
    }

    fn bind(
        &mut self,
        ast: &ast::Subroutine<'s>,
        arguments: Vec<Argument>,
        at: u32,
    ) -> Checked<()> {
        for (formal, argument) in ast.parameters.iter().zip(arguments) {
            let symbol = match argument {
                Argument::Qubits(operand) => Symbol::Qubits(operand),
                Argument::Array(array) => Symbol::Array(array),
                Argument::Value(typed, Type::Bits(width), value_at) => {
                    let target = self.new_bits(width, at)?;
                    self.set_bits(target.clone(), typed, value_at, at)?;
                    Symbol::Bits(target)
                }
                Argument::Value(typed, ty, _) => {
                    let (slot, value) = (self.new_variable(), typed.expr);
                    self.emit(Action::SetVariable { slot, ty, value }, at)?;
                    Symbol::Variable { slot, ty }
                }
            };
            self.declare(formal.name, symbol)?;
        }
        Ok(())
    }

    pub(crate) fn return_from(&mut self, value: Option<&Source<'s>>, at: u32) -> Checked<()> {
        let Some(frame) = self.calls.last_mut() else {
            return Err(Diagnostic::new(at, "`return` outside of a subroutine"));
        };
        // The first two scopes are those of the program and of the subroutine: no condition encloses them.
        frame.left_early |= self.scopes.len() > 2;
        let place = frame.result.clone();
        for frame in &mut self.loops {
            frame.left_early = true;
        }
        match (place, value) {
            (ResultTarget::Nowhere, None) => {}
            (ResultTarget::Nowhere, Some(_)) => {
                return Err(Diagnostic::new(
                    at,
                    "this subroutine has no result type: expected `return;`",
                ));
            }
            (_, None) => {
                return Err(Diagnostic::new(
                    at,
                    "expected a value to return: this subroutine has a result type",
                ));
            }
            (ResultTarget::Bits(target), Some(Source::Measure(source))) => {
                self.measure_into(source, target, at)?;
            }
            (ResultTarget::Bits(target), Some(Source::Value(value))) => {
                let typed = self.expression(value)?;
                self.set_bits(target, typed, value.at, at)?;
            }
            (ResultTarget::Variable(slot, ty), Some(source)) => {
                let (typed, value_at) = match source {
                    Source::Value(value) => (self.expression(value)?, value.at),
                    Source::Measure(source) => (self.outcome(source, at)?, source.name.at),
                };
                let value = Self::fit(typed, ty, value_at)?.expr;
                self.emit(Action::SetVariable { slot, ty, value }, at)?;
            }
        }
        let jump = self.jump(UNKNOWN, at)?;
        if let Some(frame) = self.calls.last_mut() {
            frame.returns.push(jump);
        }
        Ok(())
    }
}
