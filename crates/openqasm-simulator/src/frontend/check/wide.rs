//! Registers of more bits than a value can have, which can be compared all the same.

use super::super::super::arithmetic::{self, BinaryOp};
use super::super::super::error::Diagnostic;
use super::super::super::program::{Expr, Operand, Wide};
use super::super::super::value::Value;
use super::super::ast::{self, ExprKind};
use super::expression::Typed;
use super::scope::Symbol;
use super::{Checked, Checker};

/// Most bits of a value.
const MAX_VALUE: u32 = 128;

impl<'s> Checker<'s> {
    /// The bits that an expression names, if they are too many for a value.
    pub(super) fn wide_register(&mut self, ast: &ast::Expr<'s>) -> Checked<Option<Operand>> {
        let ExprKind::Reference(reference) = &ast.kind else {
            return Ok(None);
        };
        if reference.name.text.starts_with('$') || self.in_gate {
            return Ok(None);
        }
        let Symbol::Bits(whole) = self.lookup(reference.name)? else {
            return Ok(None);
        };
        if whole.len() <= MAX_VALUE {
            return Ok(None);
        }
        let bits = self.bits(reference)?;
        Ok((bits.len() > MAX_VALUE).then_some(bits))
    }

    /// A comparison in which a register is that wide.
    pub(super) fn compared_registers(
        &mut self,
        op: BinaryOp,
        left: &ast::Expr<'s>,
        right: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<Option<Typed>> {
        let (bits, other, op) = match (self.wide_register(left)?, self.wide_register(right)?) {
            (None, None) => return Ok(None),
            (Some(a), Some(b)) => (a, Wide::Bits(b), op),
            (Some(bits), None) => (bits, Wide::Value(self.unsigned(right)?), op),
            (None, Some(bits)) => (bits, Wide::Value(self.unsigned(left)?), op.mirrored()),
        };
        Ok(Some(Typed {
            expr: Expr::CompareBits(op, Box::new((bits, other)), at),
            sample: Value::Bool(true),
        }))
    }

    /// A value that can be compared with bits.
    fn unsigned(&mut self, ast: &ast::Expr<'s>) -> Checked<Expr> {
        let typed = self.expression(ast)?;
        let bit = Value::Bits { value: 1, width: 1 };
        arithmetic::binary(BinaryOp::BitAnd, typed.sample.numeric(), bit)
            .map_err(|error| Diagnostic::new(ast.at, error.message()))?;
        Ok(typed.expr)
    }
}
