//! Elements of arrays: their values, and assignments to them.

use crate::error::{Diagnostic, quoted};
use crate::ir::operator::BinaryOp;
use crate::ir::program::{self, Element, ElementIndex};
use crate::ir::value::Type;
use crate::sema::array_layout::{Access, Array, UNKNOWN, moved};
use crate::sema::array_part::within;
use crate::sema::expression::{Typed, sample_of};
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{Expr, ExprKind, Index, Literal, Name, Reference, Source};
use std::rc::Rc;

/// A variable, or an element of an array.
#[derive(Debug)]
pub(crate) enum Cell {
    Variable(usize),
    Element(Box<Element>),
}

impl Cell {
    /// Its value, with that type.
    pub(crate) fn value(&self, ty: Type) -> Typed {
        let expr = match self {
            Self::Variable(slot) => program::Expr::Variable(*slot),
            Self::Element(element) => program::Expr::Element(element.clone()),
        };
        let sample = sample_of(ty);
        Typed { expr, sample }
    }
}

impl<'s> Checker<'s> {
    /// The element that the first indices select, and the remaining indices.
    fn cell<'a>(
        &mut self,
        array: &Array,
        name: Name<'s>,
        indices: &'a [&'a Index<'s>],
    ) -> Checked<(Cell, &'a [&'a Index<'s>])> {
        let mut first = array.first;
        let mut dynamic = Vec::new();
        let (own, rest) = indices
            .split_at_checked(array.sizes.len())
            .unwrap_or((indices, &[]));
        let dimensions = array.sizes.iter().zip(&*array.strides);
        for ((size, &stride), index) in dimensions.zip(own) {
            let Index::One(index) = index else {
                return Err(not_a_value(name, array));
            };
            let typed = self.expression(index)?;
            let number = typed
                .sample
                .as_int()
                .map_err(|error| Diagnostic::new(index.at, error.message()))?;
            if let program::Expr::Constant(_) = typed.expr {
                let place = within(number, *size, name, index.at)?;
                first = moved(first, stride, place as usize);
            } else {
                dynamic.push(ElementIndex {
                    value: typed.expr,
                    size: *size,
                    stride,
                    at: index.at,
                });
            }
        }
        if own.len() < array.sizes.len() {
            return Err(not_a_value(name, array));
        }
        let cell = if dynamic.is_empty() {
            Cell::Variable(first)
        } else {
            Cell::Element(Box::new(Element {
                first,
                indices: dynamic,
            }))
        };
        Ok((cell, rest))
    }

    pub(crate) fn element_value(
        &mut self,
        array: &Array,
        reference: &Reference<'s>,
    ) -> Checked<Typed> {
        let indices: Vec<&Index> = reference.indices().collect();
        let (cell, rest) = self.cell(array, reference.name, &indices)?;
        self.bits_of(cell.value(array.ty), array.ty.bits(), rest, reference.name)
    }

    pub(crate) fn assign_array(
        &mut self,
        array: &Array,
        target: &Reference<'s>,
        (op, source): (Option<BinaryOp>, &Source<'s>),
        at: u32,
    ) -> Checked<()> {
        let name = target.name;
        if array.access != Access::Writable {
            return Err(read_only(name, at));
        }
        let indices: Vec<&Index> = target.indices().collect();
        let one = |index: &&Index| matches!(index, Index::One(_));
        let own = indices.get(..array.sizes.len());
        if own.is_some_and(|own| own.iter().all(one)) {
            let (cell, rest) = self.cell(array, name, &indices)?;
            return self.assign_cell(cell, array.ty, name, rest, (op, source), at);
        }
        let part = self.array(target)?;
        match (op, source) {
            (None, Source::Value(value)) => self.copy_array(&part, value, at),
            _ => Err(Diagnostic::new(
                at,
                "a whole array can only be assigned another one, with `=`",
            )),
        }
    }
}

impl<'s> Checker<'s> {
    /// `a = {1, 2};` assigns new values to an array, or to a part of one.
    pub(crate) fn assign_list(
        &mut self,
        target: &Reference<'s>,
        list: &Literal<'s>,
        at: u32,
    ) -> Checked<()> {
        let name = target.name;
        let part = self.array(target)?;
        if part.access != Access::Writable {
            return Err(read_only(name, at));
        }
        // Sizes that are not known before a call are assumed to be those of the list.
        let sizes = sizes_like(&part.sizes, list);
        let part = Array { sizes, ..part };
        if is_plain(list) {
            return self.fill(&part, list, at);
        }
        // The values may depend on the elements that they replace.
        let values = self.elements(part.ty, Rc::clone(&part.sizes), Access::Writable, at)?;
        self.fill(&values, list, at)?;
        self.copy_elements(&values, &part, at)
    }
}

/// The known sizes; for unknown ones, the sizes of the list.
fn sizes_like(sizes: &[u32], list: &Literal) -> Rc<[u32]> {
    let mut inner = Some(list);
    let mut like = |size: &u32| {
        let items = match inner.take() {
            Some(Literal::List(items, _)) => items.as_slice(),
            _ => &[],
        };
        inner = items.first();
        if *size == UNKNOWN {
            u32::try_from(items.len()).unwrap_or(UNKNOWN)
        } else {
            *size
        }
    };
    sizes.iter().map(&mut like).collect()
}

/// Whether a literal consists of numbers only.
fn is_plain(literal: &Literal<'_>) -> bool {
    fn is_number(value: &Expr<'_>) -> bool {
        match &value.kind {
            ExprKind::Unary(_, operand) | ExprKind::Cast(_, operand) => is_number(operand),
            ExprKind::Binary(_, sides) => is_number(&sides.0) && is_number(&sides.1),
            ExprKind::Reference(_) | ExprKind::Call(..) => false,
            _ => true,
        }
    }
    match literal {
        Literal::Value(value) => is_number(value),
        Literal::List(items, _) => items.iter().all(is_plain),
    }
}

fn read_only(name: Name<'_>, at: u32) -> Diagnostic {
    let message = format!("cannot assign to {}: it is read-only", quoted(name.text));
    Diagnostic::new(at, message)
}

fn not_a_value(name: Name<'_>, array: &Array) -> Diagnostic {
    Diagnostic::new(
        name.at,
        format!(
            "{} is an array, not a value; expected {} index(es) for one element",
            quoted(name.text),
            array.sizes.len()
        ),
    )
}
