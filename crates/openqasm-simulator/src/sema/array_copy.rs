//! Copies between arrays and parts of arrays.

use crate::error::Diagnostic;
use crate::ir::program::Action;
use crate::sema::array_layout::{Access, Array, UNKNOWN, product, runs, same_shape, shape};
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, ExprKind};
use std::rc::Rc;

impl<'s> Checker<'s> {
    /// Assigns another array, or several joined by `++`, to an array.
    pub(crate) fn copy_array(
        &mut self,
        target: &Array,
        value: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<()> {
        let expected = || {
            format!(
                "expected an array of {} values of type `{}`",
                shape(&target.sizes),
                target.ty
            )
        };
        if let ExprKind::Concatenation(parts) = &value.kind {
            return self.copy_arrays(target, parts, value.at, at);
        }
        let ExprKind::Reference(reference) = &value.kind else {
            return Err(Diagnostic::new(value.at, expected()));
        };
        if !matches!(self.lookup(reference.name)?, Symbol::Array(_)) {
            return Err(Diagnostic::new(value.at, expected()));
        }
        let source = self.array(reference)?;
        if source.ty != target.ty || !same_shape(&source.sizes, &target.sizes) {
            let (sizes, ty) = (shape(&source.sizes), source.ty);
            let message = format!("{}, found {sizes} of type `{ty}`", expected());
            return Err(Diagnostic::new(value.at, message));
        }
        self.copy_elements(&source, target, at)
    }

    /// `a ++ b`: the values of both, one after the other. All are read before any is written, because the target may
    /// be one of them.
    fn copy_arrays(
        &mut self,
        target: &Array,
        parts: &[ast::Expr<'s>],
        value_at: u32,
        at: u32,
    ) -> Checked<()> {
        let mut sources = Vec::with_capacity(parts.len());
        for part in parts {
            sources.push(self.concatenated_array(target, part)?);
        }
        let rows = |array: &Array| array.sizes.first().copied().unwrap_or(0);
        let is_unknown = |array: &Array| rows(array) == UNKNOWN;
        if is_unknown(target) || sources.iter().any(is_unknown) {
            return Ok(());
        }
        let found: u64 = sources.iter().map(|array| u64::from(rows(array))).sum();
        if found != u64::from(rows(target)) {
            let message = format!("expected {} elements in all, found {found}", rows(target));
            return Err(Diagnostic::new(value_at, message));
        }
        let joined = self.elements(target.ty, target.sizes.clone(), Access::Writable, at)?;
        let mut first = joined.first;
        for source in sources {
            let sizes = Rc::clone(&source.sizes);
            first += product(&sizes);
            let part = Array::packed(first - product(&sizes), target.ty, sizes, Access::Writable);
            self.copy_elements(&source, &part, at)?;
        }
        self.copy_elements(&joined, target, at)
    }

    /// One side of `++`.
    fn concatenated_array(&mut self, target: &Array, part: &ast::Expr<'s>) -> Checked<Array> {
        let ExprKind::Reference(reference) = &part.kind else {
            return Err(Diagnostic::new(part.at, "expected an array beside `++`"));
        };
        let source = self.array(reference)?;
        let inner = source.sizes.get(1..).unwrap_or_default();
        if source.ty == target.ty && same_shape(inner, target.sizes.get(1..).unwrap_or_default()) {
            return Ok(source);
        }
        let message = format!(
            "expected values like those of the target, {} of type `{}`, found {} of type `{}`",
            shape(&target.sizes),
            target.ty,
            shape(&source.sizes),
            source.ty
        );
        Err(Diagnostic::new(part.at, message))
    }

    /// Copies the elements of an array to another one of its shape, which may share variables with it.
    pub(crate) fn copy_elements(&mut self, source: &Array, target: &Array, at: u32) -> Checked<()> {
        // Sizes are unknown only in the body of a subroutine that is checked without a call.
        if source.has_unknown_size() || target.has_unknown_size() {
            return Ok(());
        }
        if source.is_packed() && target.is_packed() {
            let (from, to) = (source.first, target.first);
            let count = product(&target.sizes);
            return self.emit(Action::CopyVariables { from, to, count }, at);
        }
        let (from, to) = (source.variables(), target.variables());
        if overlap(&from, &to) {
            let between = self.elements(target.ty, target.sizes.clone(), Access::Writable, at)?;
            self.copy_elements(source, &between, at)?;
            return self.copy_elements(&between, target, at);
        }
        let runs = runs(&from, &to);
        // Each copy counts as 16 numbers.
        self.count_listed(runs.len() * 16, at)?;
        for (from, to, count) in runs {
            self.emit(Action::CopyVariables { from, to, count }, at)?;
        }
        Ok(())
    }
}

/// Whether the two may share variables.
fn overlap(a: &[usize], b: &[usize]) -> bool {
    let reach = |all: &[usize]| Some((*all.iter().min()?, *all.iter().max()?));
    match (reach(a), reach(b)) {
        (Some((low, high)), Some((other_low, other_high))) => {
            low <= other_high && other_low <= high
        }
        _ => false,
    }
}
