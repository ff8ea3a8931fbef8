//! Types as written, and their constants.

use crate::error::{Diagnostic, quoted};
use crate::ir::program::Expr;
use crate::ir::value::{Type, Value};
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, TypeName};

impl<'s> Checker<'s> {
    /// A value that must be known before the run.
    pub(crate) fn constant(&mut self, ast: &ast::Expr<'s>, what: &str) -> Checked<Value> {
        if let Expr::Constant(value) = self.expression(ast)?.expr {
            return Ok(value);
        }
        let advice = if self.inputs.open.is_empty() {
            ""
        } else {
            "; an input is known where `parameters` give its value"
        };
        Err(Diagnostic::new(
            ast.at,
            format!("{what} must be a constant: its value must be known before the run{advice}"),
        ))
    }

    pub(crate) fn constant_int(&mut self, ast: &ast::Expr<'s>, what: &str) -> Checked<i128> {
        let value = self.constant(ast, what)?;
        value
            .as_int()
            .map_err(|error| Diagnostic::new(ast.at, error.message()))
    }

    /// The size of a register.
    pub(crate) fn size(&mut self, ast: Option<&ast::Expr<'s>>) -> Checked<u32> {
        let Some(ast) = ast else {
            return Ok(1);
        };
        let size = self.constant_int(ast, "a size")?;
        if size < 1 {
            return Err(Diagnostic::new(
                ast.at,
                format!("a size must be at least 1, not {size}"),
            ));
        }
        u32::try_from(size)
            .map_err(|_| Diagnostic::limit(ast.at, format!("the size {size} is too large")))
    }

    pub(crate) fn type_of(&mut self, ty: &TypeName<'s>) -> Checked<Type> {
        let at = ty.width.as_ref().map_or(ty.name.at, |width| width.at);
        let width = match &ty.width {
            Some(_) if matches!(ty.name.text, "bool" | "duration" | "stretch") => {
                return Err(Diagnostic::new(
                    at,
                    format!("{} has no width", quoted(ty.name.text)),
                ));
            }
            Some(width) => Some(self.size(Some(width))?),
            None => None,
        };
        let wrong = |limit: &str| Err(Diagnostic::new(at, format!("expected a width {limit}")));
        match (ty.name.text, width) {
            ("bool", _) => Ok(Type::Bool),
            ("duration" | "stretch", _) => Ok(Type::Duration),
            ("float", None | Some(64)) => Ok(Type::Float(64)),
            ("float", Some(32)) => Ok(Type::Float(32)),
            ("complex", None | Some(64)) => Ok(Type::Complex(64)),
            ("complex", Some(32)) => Ok(Type::Complex(32)),
            ("float" | "complex", _) => wrong("of 32 or 64"),
            ("bit", width) if width.unwrap_or(1) <= 128 => Ok(Type::Bits(width.unwrap_or(1))),
            ("int", width) if width.unwrap_or(64) <= 128 => Ok(Type::Int(width.unwrap_or(64))),
            ("uint", width) if width.unwrap_or(64) <= 128 => Ok(Type::Uint(width.unwrap_or(64))),
            ("angle", width) if width.unwrap_or(64) <= 64 => Ok(Type::Angle(width.unwrap_or(64))),
            ("angle", _) => wrong("of at most 64"),
            _ => wrong("of at most 128"),
        }
    }
}
