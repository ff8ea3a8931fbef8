//! Arrays: their elements are variables in a row, the last index running fastest.

use super::super::super::error::{Diagnostic, counted};
use super::super::super::limits::{MAX_ARRAY_ELEMENTS, MAX_DIMENSIONS};
use super::super::super::program::{Action, Expr};
use super::super::super::value::Type;
use super::super::ast::{self, ArrayDeclaration, ArrayType, ExprKind, Literal};
use super::declaration::zero;
use super::scope::Symbol;
use super::{Checked, Checker};
use std::rc::Rc;

/// The size of a dimension that is not known: that of a parameter with `#dim`, while its
/// subroutine is only checked.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// What may be done with an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Writable,
    ReadOnly,
    /// Its values are constants: subroutines see it.
    Constant,
}

/// An array, or a part of one.
#[derive(Debug, Clone)]
pub(super) struct Array {
    pub first: usize,
    pub ty: Type,
    pub sizes: Rc<[u32]>,
    pub access: Access,
}

pub(super) fn product(sizes: &[u32]) -> usize {
    sizes
        .iter()
        .fold(1, |count: usize, size| count.saturating_mul(*size as usize))
}

pub(super) fn shape(sizes: &[u32]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(" × ")
}

pub(super) fn same_shape(a: &[u32], b: &[u32]) -> bool {
    let fits = |(a, b): (&u32, &u32)| a == b || *a == UNKNOWN || *b == UNKNOWN;
    a.len() == b.len() && a.iter().zip(b).all(fits)
}

impl<'s> Checker<'s> {
    pub(super) fn declare_array(
        &mut self,
        declaration: &ArrayDeclaration<'s>,
        at: u32,
    ) -> Checked<()> {
        let ArrayDeclaration {
            ty,
            name,
            init,
            constant,
        } = declaration;
        let access = if *constant {
            Access::Constant
        } else {
            Access::Writable
        };
        let array = self.new_array(ty, access, name.at)?;
        match init {
            None => self.fill_zero(&array, at)?,
            Some(literal) => self.fill(&array, array.first, &array.sizes, literal, at)?,
        }
        self.declare(*name, Symbol::Array(array))
    }

    /// An array of elements of its own, which hold nothing yet.
    pub(super) fn new_array(
        &mut self,
        ty: &ArrayType<'s>,
        access: Access,
        at: u32,
    ) -> Checked<Array> {
        if let Some(dimensions) = &ty.dimensions {
            return Err(Diagnostic::new(
                dimensions.at,
                "`#dim` is for parameters of subroutines; expected sizes",
            ));
        }
        let element = self.type_of(&ty.element)?;
        let sizes = self.sizes(&ty.sizes)?;
        self.elements(element, sizes, access, at)
    }

    pub(super) fn elements(
        &mut self,
        ty: Type,
        sizes: Rc<[u32]>,
        access: Access,
        at: u32,
    ) -> Checked<Array> {
        let count = product(&sizes);
        self.array_elements = self.array_elements.saturating_add(count);
        if self.array_elements > MAX_ARRAY_ELEMENTS {
            return Err(Diagnostic::limit(
                at,
                format!("the arrays have more than {MAX_ARRAY_ELEMENTS} elements in all"),
            ));
        }
        let first = self.variables;
        self.variables += count;
        Ok(Array {
            first,
            ty,
            sizes,
            access,
        })
    }

    pub(super) fn fill_zero(&mut self, array: &Array, at: u32) -> Checked<()> {
        let action = Action::Fill {
            first: array.first,
            count: product(&array.sizes),
            value: zero(array.ty),
        };
        self.emit(action, at)
    }

    pub(super) fn sizes(&mut self, sizes: &[ast::Expr<'s>]) -> Checked<Rc<[u32]>> {
        if let Some(more) = sizes.get(MAX_DIMENSIONS) {
            return Err(Diagnostic::new(
                more.at,
                format!("an array has at most {MAX_DIMENSIONS} dimensions"),
            ));
        }
        sizes.iter().map(|size| self.size(Some(size))).collect()
    }

    /// Gives the elements from `first` on the values of a literal.
    pub(super) fn fill(
        &mut self,
        array: &Array,
        first: usize,
        sizes: &[u32],
        literal: &Literal<'s>,
        at: u32,
    ) -> Checked<()> {
        match (literal, sizes.split_first()) {
            (Literal::Value(value), None) => {
                let value_at = value.at;
                let value = self.assignable(value, array.ty)?;
                if array.access == Access::Constant && !matches!(value, Expr::Constant(_)) {
                    return Err(Diagnostic::new(
                        value_at,
                        "the value of a constant must be known before the run",
                    ));
                }
                let (slot, ty) = (first, array.ty);
                self.emit(Action::SetVariable { slot, ty, value }, at)
            }
            (Literal::Value(value), Some(_)) => {
                let sizes = sizes.into();
                let part = Array {
                    first,
                    sizes,
                    ..*array
                };
                self.copy_array(&part, value, at)
            }
            (Literal::List(_, place), None) => Err(Diagnostic::new(
                *place,
                format!("expected a value of type `{}`, found a list", array.ty),
            )),
            (Literal::List(items, place), Some((size, inner))) => {
                if items.len() != *size as usize {
                    return Err(Diagnostic::new(
                        *place,
                        format!(
                            "expected {} here, found {}",
                            counted(size, "element"),
                            items.len()
                        ),
                    ));
                }
                let stride = product(inner);
                for (index, item) in items.iter().enumerate() {
                    self.fill(array, first + index * stride, inner, item, at)?;
                }
                Ok(())
            }
        }
    }

    /// Copies a whole array.
    pub(super) fn copy_array(
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
        self.emit(
            Action::CopyVariables {
                from: source.first,
                to: target.first,
                count: product(&target.sizes),
            },
            at,
        )
    }
}
