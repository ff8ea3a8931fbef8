//! Registers declared with one bit. In arithmetic they are unsigned integers of their width, as wider registers are;
//! `bit b;` and `c[0]` are single bits, which count as `int`.

use crate::ir::program::{Expr, Operand};
use crate::ir::value::Type;
use crate::sema::expression::{Typed, sample_of};
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, ExprKind, Reference};

impl<'s> Checker<'s> {
    /// Notes that `bit[1]` declares these bits.
    pub(crate) fn note_unit_register(&mut self, bits: &Operand) {
        if let Operand::Range { first, len: 1 } = bits {
            self.unit_registers.insert(*first);
        }
    }

    /// An operand of an arithmetic operator: its type determines that of the result.
    pub(crate) fn computing_operand(&mut self, ast: &ast::Expr<'s>) -> Checked<Typed> {
        let typed = self.expression(ast)?;
        Ok(match &ast.kind {
            ExprKind::Reference(reference) => self.computing(reference, typed, ast.at),
            _ => typed,
        })
    }

    /// The value of a reference as such an operand.
    pub(crate) fn computing(&self, reference: &Reference<'s>, typed: Typed, at: u32) -> Typed {
        if reference.index.is_some() || !self.is_unit_register(reference) {
            return typed;
        }
        let ty = Type::Uint(1);
        Typed {
            expr: Expr::Cast(ty, Box::new(typed.expr), at),
            sample: sample_of(ty),
        }
    }

    fn is_unit_register(&self, reference: &Reference<'s>) -> bool {
        match self.lookup(reference.name) {
            Ok(Symbol::Bits(Operand::Range { first, len: 1 })) => {
                self.unit_registers.contains(&first)
            }
            _ => false,
        }
    }
}
