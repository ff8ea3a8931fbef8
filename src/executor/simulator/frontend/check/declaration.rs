//! Declarations of qubits, bits, variables and aliases.

use super::super::super::error::Diagnostic;
use super::super::super::program::{Action, Expr, Operand, RegisterSlot};
use super::super::super::value::{Type, Value};
use super::super::ast::{self, Name, Reference, Source, TypeName};
use super::scope::Symbol;
use super::{Checked, Checker};

impl<'s> Checker<'s> {
    pub(super) fn declare_qubits(
        &mut self,
        name: Name<'s>,
        size: Option<&ast::Expr<'s>>,
    ) -> Checked<()> {
        if !self.is_global() {
            return Err(Diagnostic::new(
                name.at,
                "qubits must be declared outside of blocks",
            ));
        }
        let count = self.size(size)?;
        let operand = self.new_qubits(count, name.at)?;
        self.declare(name, Symbol::Qubits(operand))
    }

    pub(super) fn declare_bits(
        &mut self,
        name: Name<'s>,
        size: Option<&ast::Expr<'s>>,
        init: Option<&Source<'s>>,
        at: u32,
    ) -> Checked<()> {
        let count = self.size(size)?;
        let operand = self.new_bits(count, name.at)?;
        let (parts, first) = match operand {
            Operand::Range { first, len } => (vec![(first, len)], first),
            _ => (Vec::new(), 0),
        };
        let target = Operand::Range { first, len: count };
        match init {
            Some(Source::Measure(source)) => self.measure_into(source, target, at)?,
            Some(Source::Value(value)) => {
                let value = self.assignable(value, Type::Bits(count))?;
                self.emit(Action::SetBits { target, value }, at)?;
            }
            // In a loop the name is new each time; outside, all bits begin as 0 anyway.
            None if !self.loops.is_empty() && count <= 128 => {
                let value = Expr::Constant(Value::Bits {
                    value: 0,
                    width: count,
                });
                self.emit(Action::SetBits { target, value }, at)?;
            }
            None => {}
        }
        self.declare(name, Symbol::Bits(Operand::Range { first, len: count }))?;
        if self.is_global() {
            self.registers.push(RegisterSlot {
                name: name.text.to_owned(),
                parts,
                len: count,
            });
        }
        Ok(())
    }

    pub(super) fn declare_variable(
        &mut self,
        ty: &TypeName<'s>,
        name: Name<'s>,
        init: Option<&Source<'s>>,
        constant: bool,
        at: u32,
    ) -> Checked<()> {
        let ty = self.type_of(ty)?;
        let value = match init {
            Some(Source::Measure(source)) => {
                return Err(Diagnostic::new(
                    source.name.at,
                    "a measurement gives bits: declare `bit` instead",
                ));
            }
            Some(Source::Value(value)) => self.assignable(value, ty)?,
            None => Expr::Constant(zero(ty)),
        };
        if constant {
            return match value {
                Expr::Constant(value) => self.declare(name, Symbol::Constant(value)),
                _ => Err(Diagnostic::new(
                    at,
                    "the value of a constant must be known before the run",
                )),
            };
        }
        let slot = self.new_variable();
        self.declare(name, Symbol::Variable { slot, ty })?;
        self.emit(Action::SetVariable { slot, ty, value }, at)
    }

    pub(super) fn new_variable(&mut self) -> usize {
        self.variables += 1;
        self.variables - 1
    }

    pub(super) fn declare_alias(&mut self, name: Name<'s>, parts: &[Reference<'s>]) -> Checked<()> {
        let mut operands = Vec::with_capacity(parts.len());
        for part in parts {
            let operand = self.qubits(part)?;
            if let Operand::At { at, .. } = operand {
                return Err(Diagnostic::new(
                    at,
                    "an index in an alias must be a constant",
                ));
            }
            operands.push(operand);
        }
        let operand = self.concatenate(&operands, name.at)?;
        self.declare(name, Symbol::Qubits(operand))
    }
}

/// What a variable holds before it is assigned.
fn zero(ty: Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(false),
        Type::Int(_) | Type::Uint(_) => Value::Int(0),
        Type::Float(_) => Value::Float(0.0),
        Type::Bits(width) => Value::Bits { value: 0, width },
        Type::Duration => Value::Duration(0.0),
    }
}
