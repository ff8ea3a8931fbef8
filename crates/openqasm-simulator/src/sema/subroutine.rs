//! Subroutines: definitions, and calls, which are inlined.

use crate::error::{Diagnostic, quoted};
use crate::ir::operator::{BinaryOp, UnaryOp};
use crate::ir::program::{Action, Expr, Operand};
use crate::ir::value::Type;
use crate::limits::MAX_QUBITS;
use crate::sema::array_layout::Array;
use crate::sema::control::LoopFrame;
use crate::sema::declaration::zero;
use crate::sema::expression::{Typed, sample_of};
use crate::sema::scope::already_reported;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, ExprKind, FormalKind, Index, Name};
use std::rc::Rc;

/// A subroutine with the types of its parameters computed.
pub(crate) struct Subroutine<'s> {
    pub ast: Rc<ast::Subroutine<'s>>,
    pub parameters: Vec<Parameter>,
    pub result: Option<Type>,
}

#[derive(Debug, Clone)]
pub(crate) enum Parameter {
    Qubits(u32),
    Value(Type),
    Array(Array),
}

/// The meaning of a parameter in one call.
pub(crate) enum Argument {
    Qubits(Operand),
    Value(Typed, Type, u32),
    Array(Array),
}

/// The target of a call's result.
#[derive(Clone)]
pub(crate) enum ResultTarget {
    Nowhere,
    Variable(usize, Type),
    Bits(Operand),
}

/// A call whose body is being checked.
pub(crate) struct Frame<'s> {
    pub name: &'s str,
    pub result: ResultTarget,
    pub returns: Vec<usize>,
    /// Bits, first and number, that only this call uses.
    pub bits: Vec<(u32, u32)>,
    /// The loops around the call.
    pub loops: Vec<LoopFrame>,
    /// Whether statements at its end may not run.
    pub left_early: bool,
    /// Whether the body is only checked, and none of it will run.
    pub rehearsal: bool,
}

impl<'s> Checker<'s> {
    pub(crate) fn define_subroutine(&mut self, ast: &Rc<ast::Subroutine<'s>>) -> Checked<()> {
        let name = ast.name;
        self.check_new_gate(name)?;
        let parameters = ast
            .parameters
            .iter()
            .map(|formal| self.parameter(&formal.kind))
            .collect::<Checked<Vec<Parameter>>>()?;
        let result = match &ast.result {
            Some(ty) => Some(self.type_of(ty)?),
            None => None,
        };
        let subroutine = Rc::new(Subroutine {
            ast: Rc::clone(ast),
            parameters,
            result,
        });
        let before = self.errors.len();
        let returns = self.check_body(&subroutine)?;
        if self.errors.len() > before {
            return Err(already_reported(name.at));
        }
        if result.is_some() && !returns {
            return Err(Diagnostic::new(
                name.at,
                format!(
                    "{} has a result type but no `return` with a value",
                    quoted(name.text)
                ),
            ));
        }
        self.subroutines.insert(name.text, Some(subroutine));
        Ok(())
    }

    /// A function without a body may be declared; only a call of it needs a body.
    pub(crate) fn declare_external(&mut self, name: Name<'s>, at: u32) -> Checked<()> {
        self.check_new_gate(name)?;
        self.externals.insert(name.text, at);
        Ok(())
    }

    fn parameter(&mut self, kind: &FormalKind<'s>) -> Checked<Parameter> {
        Ok(match kind {
            FormalKind::Qubits(size) => {
                let count = self.size(size.as_ref())?;
                if count > MAX_QUBITS {
                    let at = size.as_ref().map_or(0, |size| size.at);
                    return Err(Diagnostic::limit(
                        at,
                        format!("a circuit has at most {MAX_QUBITS} qubits"),
                    ));
                }
                Parameter::Qubits(count)
            }
            FormalKind::Value(ty) => Parameter::Value(self.type_of(ty)?),
            FormalKind::Array { ty, mutable } => Parameter::Array(self.formal_array(ty, *mutable)?),
        })
    }

    /// Checks a body by a call that is rolled back; returns whether the body returns a value.
    fn check_body(&mut self, subroutine: &Rc<Subroutine<'s>>) -> Checked<bool> {
        let mut unused = MAX_QUBITS;
        let arguments = subroutine
            .parameters
            .iter()
            .map(|parameter| match parameter {
                Parameter::Array(array) => Argument::Array(array.clone()),
                &Parameter::Qubits(len) => {
                    let first = unused;
                    unused = unused.saturating_add(len);
                    Argument::Qubits(Operand::Range { first, len })
                }
                &Parameter::Value(ty) => {
                    let expr = Expr::Constant(zero(ty));
                    let sample = sample_of(ty);
                    Argument::Value(Typed { expr, sample }, ty, 0)
                }
            })
            .collect();
        let before = (
            self.steps.len(),
            self.ends.len(),
            self.usage.variables,
            self.usage.cost,
        );
        let elements = self.usage.array_elements;
        let step_bytes = self.usage.step_bytes;
        let result = self.inline(subroutine, arguments, subroutine.ast.name.at, true);
        self.steps.truncate(before.0);
        self.ends.truncate(before.1);
        self.usage.array_elements = elements;
        self.usage.step_bytes = step_bytes;
        (self.usage.variables, self.usage.cost) = (before.2, before.3);
        Ok(result?.1)
    }

    pub(crate) fn find_subroutine(&self, name: Name<'s>) -> Checked<Option<Rc<Subroutine<'s>>>> {
        if self.calls.iter().any(|frame| frame.name == name.text) {
            return Err(Diagnostic::new(
                name.at,
                format!(
                    "{} calls itself: recursion is not supported",
                    quoted(name.text)
                ),
            ));
        }
        if let Some(declared) = self.externals.get(name.text) {
            // Reported once, however often it is called.
            if self.errors.iter().any(|error| error.at == *declared) {
                return Err(already_reported(name.at));
            }
            return Err(Diagnostic::new(
                *declared,
                format!(
                    "`extern` functions are not supported by this simulator: {} is called, but there is nothing to run",
                    quoted(name.text)
                ),
            ));
        }
        match self.subroutines.get(name.text) {
            None => Ok(None),
            Some(None) => Err(already_reported(name.at)),
            Some(Some(_)) if self.in_gate => Err(Diagnostic::new(
                name.at,
                "a gate can use only its parameters and constants",
            )),
            Some(Some(subroutine)) => Ok(Some(Rc::clone(subroutine))),
        }
    }

    /// Whether an expression requires steps before it has a value.
    pub(crate) fn calls_subroutine(&self, ast: &ast::Expr<'s>) -> bool {
        let any = |items: &[ast::Expr<'s>]| items.iter().any(|item| self.calls_subroutine(item));
        match &ast.kind {
            ExprKind::Call(name, arguments) => {
                self.subroutines.contains_key(name.text) || any(arguments)
            }
            ExprKind::Unary(_, operand) | ExprKind::Cast(_, operand) => {
                self.calls_subroutine(operand)
            }
            ExprKind::Binary(_, sides) => {
                self.calls_subroutine(&sides.0) || self.calls_subroutine(&sides.1)
            }
            ExprKind::Member(subject, items) => self.calls_subroutine(subject) || any(items),
            ExprKind::Indexed(value, indices) => {
                self.calls_subroutine(value)
                    || indices
                        .iter()
                        .any(|index| self.index_calls_subroutine(index))
            }
            ExprKind::Reference(reference) => {
                let mut indices = reference.indices();
                indices.any(|index| self.index_calls_subroutine(index))
            }
            ExprKind::Concatenation(_)
            | ExprKind::Integer(_)
            | ExprKind::Float(_)
            | ExprKind::Imaginary(_)
            | ExprKind::Bool(_)
            | ExprKind::Duration(_)
            | ExprKind::Bits { .. }
            | ExprKind::LongBits(..) => false,
        }
    }

    /// Ranges and sets are constants, which contain no calls.
    fn index_calls_subroutine(&self, index: &Index<'s>) -> bool {
        match index {
            Index::One(index) => self.calls_subroutine(index),
            Index::Range(_) | Index::Set(_) => false,
        }
    }

    /// `a && b` and `a || b` where `b` calls a subroutine, which must not run if `a` decides.
    pub(crate) fn one_after_the_other(
        &mut self,
        op: BinaryOp,
        left: &ast::Expr<'s>,
        right: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<Typed> {
        let (slot, ty) = (self.new_variable(), Type::Bool);
        let value = self.condition(left)?;
        self.emit(Action::SetVariable { slot, ty, value }, at)?;
        let decided = Expr::Variable(slot);
        let go_on = match op {
            BinaryOp::And => decided,
            _ => Expr::Unary(UnaryOp::Not, Box::new(decided), at),
        };
        let skip = self.branch_unless(go_on, at)?;
        let cost = self.usage.cost;
        // Values on this side that have no result are mistakes only if it is reached.
        let unreached = std::mem::replace(&mut self.unreached, true);
        let value = self.condition(right);
        self.unreached = unreached;
        let value = value?;
        self.emit(Action::SetVariable { slot, ty, value }, at)?;
        self.usage.cost = cost;
        self.patch(skip, self.steps.len());
        Ok(Typed {
            expr: Expr::Variable(slot),
            sample: sample_of(ty),
        })
    }
}
