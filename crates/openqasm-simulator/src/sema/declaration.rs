//! Declarations of qubits, bits, variables and aliases.

use crate::error::Diagnostic;
use crate::ir::complex::Complex;
use crate::ir::integer::Integer;
use crate::ir::program::{Action, Expr, Operand, RegisterSlot};
use crate::ir::value::{Type, Value};
use crate::sema::expression::Typed;
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, Name, Reference, Source, TypeName};

impl<'s> Checker<'s> {
    pub(crate) fn declare_qubits(
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

    pub(crate) fn declare_bits(
        &mut self,
        name: Name<'s>,
        size: Option<&ast::Expr<'s>>,
        init: Option<&Source<'s>>,
        at: u32,
    ) -> Checked<()> {
        let count = self.size(size)?;
        let operand = self.new_bits(count, name.at)?;
        if size.is_some() {
            self.note_unit_register(&operand);
        }
        let (parts, first) = match operand {
            Operand::Range { first, len } => (vec![(first, len)], first),
            _ => (Vec::new(), 0),
        };
        let target = Operand::Range { first, len: count };
        match init {
            Some(Source::Measure(source)) => self.measure_into(source, target, at)?,
            Some(Source::Value(value)) => self.initial_bits(target, value, at)?,
            // In a loop or a call the bits are declared anew each time; outside, all bits are 0 at the start.
            None if !self.loops.is_empty() || !self.calls.is_empty() => {
                self.clear_bits(&target, at)?;
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

    pub(crate) fn declare_variable(
        &mut self,
        ty: &TypeName<'s>,
        name: Name<'s>,
        init: Option<&Source<'s>>,
        constant: bool,
        at: u32,
    ) -> Checked<()> {
        let is_stretch = ty.name.text == "stretch";
        let ty = self.type_of(ty)?;
        let value = match init {
            Some(Source::Measure(source)) => {
                let outcome = self.outcome(source, at)?;
                Self::fit(outcome, ty, source.name.at)?.expr
            }
            Some(Source::Value(value)) => self.assignable(value, ty)?,
            None if is_stretch => Expr::Constant(Value::Duration(f64::NAN)),
            None => Expr::Constant(zero(ty)),
        };
        if constant {
            return match value {
                Expr::Constant(value) => self.declare(name, Symbol::Constant(value, ty)),
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

    /// Measures into unnamed bits.
    pub(crate) fn outcome(&mut self, source: &Reference<'s>, at: u32) -> Checked<Typed> {
        let source = self.qubits(source)?;
        if source.len() > 128 {
            return Err(Diagnostic::limit(
                at,
                format!(
                    "{} outcomes are no value: at most 128 bits can be used as one",
                    source.len()
                ),
            ));
        }
        let target = self.temporary(source.len(), at)?;
        let outcome = Self::bits_value(target.clone());
        self.emit(Action::Measure { source, target }, at)?;
        Ok(outcome)
    }

    pub(crate) fn new_variable(&mut self) -> usize {
        self.usage.variables += 1;
        self.usage.variables - 1
    }

    pub(crate) fn declare_alias(&mut self, name: Name<'s>, parts: &[Reference<'s>]) -> Checked<()> {
        let physical = parts.iter().find(|part| part.name.text.starts_with('$'));
        if let Some(part) = physical {
            let message = "a physical qubit is not declared, so an alias cannot name it";
            return Err(Diagnostic::new(part.name.at, message));
        }
        let first = parts.first().map(|part| part.name);
        let kind = first.map(|name| self.lookup(name)).transpose()?;
        if let (Some(Symbol::Array(_)), [part]) = (&kind, parts) {
            let array = self.array(part)?;
            return self.declare(name, Symbol::Array(array));
        }
        if let Some(Symbol::Constant(_, Type::Bits(_))) = kind {
            return self.alias_of_constants(name, parts);
        }
        let classical = matches!(kind, Some(Symbol::Bits(_)));
        let mut operands = Vec::with_capacity(parts.len());
        for part in parts {
            let operand = if classical {
                self.bits(part)?
            } else {
                self.qubits(part)?
            };
            if let Operand::At { at, .. } = operand {
                return Err(Diagnostic::new(
                    at,
                    "an index in an alias must be a constant",
                ));
            }
            operands.push(operand);
        }
        let operand = self.concatenate(&operands, name.at)?;
        let symbol = if classical {
            Symbol::Bits(operand)
        } else {
            Symbol::Qubits(operand)
        };
        self.declare(name, symbol)
    }

    /// An alias of constant bits, such as those of an input, is a constant itself.
    fn alias_of_constants(&mut self, name: Name<'s>, parts: &[Reference<'s>]) -> Checked<()> {
        let (mut bits, mut count) = (0_u128, 0_u32);
        for part in parts {
            let Expr::Constant(Value::Bits { value, width }) = self.value_of(part)?.expr else {
                return Err(Diagnostic::new(
                    part.name.at,
                    "an alias of constant bits can hold only such",
                ));
            };
            if width > 128 - count {
                return Err(Diagnostic::limit(
                    part.name.at,
                    "at most 128 bits can be used as a value",
                ));
            }
            bits |= value.checked_shl(count).unwrap_or(0);
            count += width;
        }
        let value = Value::Bits {
            value: bits,
            width: count,
        };
        self.declare(name, Symbol::Constant(value, Type::Bits(count)))
    }
}

/// The value of a variable before its first assignment.
pub(crate) fn zero(ty: Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(false),
        Type::Int(width) => Value::Integer(Integer::new(0, width, true)),
        Type::Uint(width) => Value::Integer(Integer::new(0, width, false)),
        Type::Float(_) => Value::Float(0.0),
        Type::Complex(_) => Value::Complex(Complex::ZERO),
        Type::Bits(width) => Value::Bits { value: 0, width },
        Type::Angle(width) => Value::Angle { value: 0, width },
        Type::Duration => Value::Duration(0.0),
    }
}
