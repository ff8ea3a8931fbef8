//! Arguments of subroutines, evaluated at the call site.

use crate::error::{Diagnostic, counted, quoted};
use crate::ir::program::{Action, Expr, Operand};
use crate::ir::value::Type;
use crate::sema::expression::{Typed, sample_of};
use crate::sema::scope::already_reported;
use crate::sema::subroutine::{Argument, Parameter, ResultTarget, Subroutine};
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, ExprKind, Name};
use std::rc::Rc;

impl<'s> Checker<'s> {
    /// Inlines the body of a subroutine here; returns its result, if it has one.
    pub(crate) fn call_subroutine(
        &mut self,
        subroutine: &Rc<Subroutine<'s>>,
        at: u32,
        arguments: &[ast::Expr<'s>],
    ) -> Checked<Option<Typed>> {
        let ast = &subroutine.ast;
        if arguments.len() != ast.parameters.len() {
            return Err(Diagnostic::new(
                at,
                format!(
                    "{} takes {}, not {}",
                    quoted(ast.name.text),
                    counted(ast.parameters.len(), "argument"),
                    arguments.len()
                ),
            ));
        }
        let mut bound = Vec::with_capacity(arguments.len());
        for ((parameter, formal), argument) in subroutine
            .parameters
            .iter()
            .zip(&ast.parameters)
            .zip(arguments)
        {
            bound.push(self.argument(parameter, formal.name, argument)?);
        }
        self.check_disjoint(&bound, arguments)?;
        let before = self.errors.len();
        let (result, _) = self.inline(subroutine, bound, at, false)?;
        if self.errors.len() > before {
            return Err(already_reported(at));
        }
        Ok(match result {
            ResultTarget::Nowhere => None,
            ResultTarget::Bits(operand) => Some(Self::bits_value(operand)),
            ResultTarget::Variable(slot, ty) => Some(Typed {
                expr: Expr::Variable(slot),
                sample: sample_of(ty),
            }),
        })
    }

    fn argument(
        &mut self,
        parameter: &Parameter,
        name: Name<'s>,
        argument: &ast::Expr<'s>,
    ) -> Checked<Argument> {
        match parameter {
            Parameter::Array(formal) => {
                let ExprKind::Reference(reference) = &argument.kind else {
                    return Err(Diagnostic::new(
                        argument.at,
                        format!("expected an array for {}", quoted(name.text)),
                    ));
                };
                Ok(Argument::Array(self.passed_array(formal, reference)?))
            }
            &Parameter::Value(ty) => {
                let typed = self.expression(argument)?;
                let typed = Self::fit(typed, ty, argument.at)?;
                Ok(Argument::Value(typed, ty, argument.at))
            }
            &Parameter::Qubits(count) => {
                let ExprKind::Reference(reference) = &argument.kind else {
                    return Err(Diagnostic::new(
                        argument.at,
                        format!(
                            "expected {} for {}",
                            counted(count, "qubit"),
                            quoted(name.text)
                        ),
                    ));
                };
                let operand = self.qubits(reference)?;
                if operand.len() != count {
                    return Err(Diagnostic::new(
                        argument.at,
                        format!(
                            "expected {} for {}, found {}",
                            counted(count, "qubit"),
                            quoted(name.text),
                            operand.len()
                        ),
                    ));
                }
                Ok(Argument::Qubits(self.settled(operand)?))
            }
        }
    }

    /// An operand whose index is computed now: later changes of its variables do not matter.
    fn settled(&mut self, operand: Operand) -> Checked<Operand> {
        let Operand::At { of, index, at } = operand else {
            return Ok(operand);
        };
        let of = Box::new(self.settled(*of)?);
        let (slot, ty) = (self.new_variable(), Type::Int(128));
        let value = *index;
        self.emit(Action::SetVariable { slot, ty, value }, at)?;
        Ok(Operand::At {
            of,
            index: Box::new(Expr::Variable(slot)),
            at,
        })
    }

    fn check_disjoint(&mut self, bound: &[Argument], asts: &[ast::Expr<'s>]) -> Checked<()> {
        // The begin and end of each part, and its argument.
        let mut parts: Vec<(u32, u32, u32)> = Vec::new();
        for (argument, ast) in bound.iter().zip(asts) {
            match argument {
                Argument::Qubits(Operand::Range { first, len }) => {
                    parts.push((*first, first.saturating_add(*len), ast.at));
                }
                Argument::Qubits(Operand::List(list)) => {
                    self.count_listed(list.len(), ast.at)?;
                    parts.extend(list.iter().map(|qubit| (*qubit, qubit + 1, ast.at)));
                }
                _ => {}
            }
        }
        parts.sort_unstable();
        let pairs = parts.windows(2).filter_map(|pair| match pair {
            [(_, end, at), (first, _, other)] if first < end => Some(*at.max(other)),
            _ => None,
        });
        match pairs.min() {
            Some(at) => Err(Diagnostic::new(
                at,
                "the same qubit is passed twice to one subroutine",
            )),
            None => Ok(()),
        }
    }
}
