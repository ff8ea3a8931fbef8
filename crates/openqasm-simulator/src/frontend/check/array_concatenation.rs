//! `a ++ b` of arrays: the values of both, one after the other.

use super::super::super::error::Diagnostic;
use super::super::super::program::Action;
use super::super::ast::{self, ExprKind};
use super::array::{Access, Array, UNKNOWN, product, same_shape, shape};
use super::{Checked, Checker};

impl<'s> Checker<'s> {
    /// Copies arrays into one. They are all read before it is written, for it may be one of them.
    pub(super) fn copy_arrays(
        &mut self,
        target: &Array,
        parts: &[ast::Expr<'s>],
        value_at: u32,
        at: u32,
    ) -> Checked<()> {
        let mut sources = Vec::with_capacity(parts.len());
        for part in parts {
            let ExprKind::Reference(reference) = &part.kind else {
                return Err(Diagnostic::new(part.at, "expected an array beside `++`"));
            };
            let source = self.array(reference)?;
            let inner = source.sizes.get(1..).unwrap_or_default();
            if source.ty != target.ty
                || !same_shape(inner, target.sizes.get(1..).unwrap_or_default())
            {
                let message = format!(
                    "expected values like those of the target, {} of type `{}`, found {} of type `{}`",
                    shape(&target.sizes),
                    target.ty,
                    shape(&source.sizes),
                    source.ty
                );
                return Err(Diagnostic::new(part.at, message));
            }
            sources.push(source);
        }
        let rows = |array: &Array| array.sizes.first().copied().unwrap_or(0);
        let unknown = sources
            .iter()
            .chain([target])
            .any(|array| rows(array) == UNKNOWN);
        let found: u64 = sources.iter().map(|array| u64::from(rows(array))).sum();
        if unknown {
            return Ok(());
        }
        if found != u64::from(rows(target)) {
            let message = format!("expected {} elements in all, found {found}", rows(target));
            return Err(Diagnostic::new(value_at, message));
        }
        let joined = self.elements(target.ty, target.sizes.clone(), Access::Writable, at)?;
        let mut to = joined.first;
        for source in sources {
            let count = product(&source.sizes);
            let from = source.first;
            self.emit(Action::CopyVariables { from, to, count }, at)?;
            to += count;
        }
        let action = Action::CopyVariables {
            from: joined.first,
            to: target.first,
            count: product(&target.sizes),
        };
        self.emit(action, at)
    }
}
