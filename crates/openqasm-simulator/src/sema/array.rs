//! Arrays: declarations and literals.

use crate::error::{Diagnostic, counted};
use crate::ir::program::{Action, Expr};
use crate::ir::value::Type;
use crate::limits::{MAX_ARRAY_ELEMENTS, MAX_DIMENSIONS};
use crate::sema::array_layout::{Access, Array, product};
use crate::sema::declaration::zero;
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, ArrayDeclaration, ArrayType, Literal};
use std::rc::Rc;

impl<'s> Checker<'s> {
    pub(crate) fn declare_array(
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
        if !self.is_global() {
            let message = "arrays must be declared outside of blocks and subroutines";
            return Err(Diagnostic::new(name.at, message));
        }
        let access = if *constant {
            Access::Constant
        } else {
            Access::Writable
        };
        let array = self.new_array(ty, access, name.at)?;
        match init {
            None => self.fill_zero(&array, at)?,
            Some(literal) => self.fill(&array, literal, at)?,
        }
        self.declare(*name, Symbol::Array(array))
    }

    /// Allocates an array without values.
    pub(crate) fn new_array(
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
        let element = self.element_type(ty)?;
        let sizes = self.sizes(&ty.sizes)?;
        self.elements(element, sizes, access, at)
    }

    /// The type of the elements of an array.
    pub(crate) fn element_type(&mut self, ty: &ArrayType<'s>) -> Checked<Type> {
        let name = ty.element.name;
        if name.text == "stretch" {
            let message = "the elements of an array cannot be of type `stretch`";
            return Err(Diagnostic::new(name.at, message));
        }
        self.type_of(&ty.element)
    }

    pub(crate) fn elements(
        &mut self,
        ty: Type,
        sizes: Rc<[u32]>,
        access: Access,
        at: u32,
    ) -> Checked<Array> {
        let count = product(&sizes);
        self.usage.array_elements = self.usage.array_elements.saturating_add(count);
        if self.usage.array_elements > MAX_ARRAY_ELEMENTS {
            return Err(Diagnostic::limit(
                at,
                format!("the arrays have more than {MAX_ARRAY_ELEMENTS} elements in all"),
            ));
        }
        let first = self.usage.variables;
        self.usage.variables += count;
        Ok(Array::packed(first, ty, sizes, access))
    }

    pub(crate) fn fill_zero(&mut self, array: &Array, at: u32) -> Checked<()> {
        let action = Action::Fill {
            first: array.first,
            count: product(&array.sizes),
            value: zero(array.ty),
        };
        self.emit(action, at)
    }

    pub(crate) fn sizes(&mut self, sizes: &[ast::Expr<'s>]) -> Checked<Rc<[u32]>> {
        if let Some(more) = sizes.get(MAX_DIMENSIONS) {
            return Err(Diagnostic::new(
                more.at,
                format!("an array has at most {MAX_DIMENSIONS} dimensions"),
            ));
        }
        sizes.iter().map(|size| self.size(Some(size))).collect()
    }

    /// Assigns the values of a literal to an array.
    pub(crate) fn fill(&mut self, array: &Array, literal: &Literal<'s>, at: u32) -> Checked<()> {
        match (literal, array.sizes.first()) {
            (Literal::Value(value), None) => {
                let value_at = value.at;
                let value = self.assignable(value, array.ty)?;
                if array.access == Access::Constant && !matches!(value, Expr::Constant(_)) {
                    return Err(Diagnostic::new(
                        value_at,
                        "the value of a constant must be known before the run",
                    ));
                }
                let (slot, ty) = (array.first, array.ty);
                self.emit(Action::SetVariable { slot, ty, value }, at)
            }
            (Literal::Value(value), Some(_)) => self.copy_array(array, value, at),
            (Literal::List(_, place), None) => Err(Diagnostic::new(
                *place,
                format!("expected a value of type `{}`, found a list", array.ty),
            )),
            (Literal::List(items, place), Some(size)) => {
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
                let mut rows = items.iter().enumerate();
                rows.try_for_each(|(index, item)| self.fill(&array.row(index), item, at))
            }
        }
    }
}
