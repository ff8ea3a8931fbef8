//! Arrays as a whole: their sizes, loops over them, and arrays as arguments.

use crate::error::{Diagnostic, counted, quoted};
use crate::ir::integer::MACHINE_WIDTH;
use crate::ir::program::{Expr, Operand};
use crate::ir::value::{Type, Value};
use crate::limits::{MAX_DIMENSIONS, MAX_LOOP_ELEMENTS};
use crate::sema::array_layout::{Access, Array, UNKNOWN, moved, same_shape, shape};
use crate::sema::expression::{Typed, sample_of};
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, ArrayType, ExprKind, Name, Reference};
use std::rc::Rc;

/// The `uint` that `sizeof` returns.
const SIZE_TYPE: Type = Type::Uint(MACHINE_WIDTH);

impl<'s> Checker<'s> {
    /// `sizeof(a)`, `sizeof(a, 1)`: the size of a dimension, or of a register.
    pub(crate) fn size_of(
        &mut self,
        name: Name<'s>,
        arguments: &[ast::Expr<'s>],
    ) -> Checked<Typed> {
        let (Some(ast), true) = (arguments.first(), arguments.len() <= 2) else {
            return Err(Diagnostic::new(
                name.at,
                "`sizeof` takes an array and perhaps the number of a dimension",
            ));
        };
        let ExprKind::Reference(reference) = &ast.kind else {
            return Err(Diagnostic::new(ast.at, "expected an array or a register"));
        };
        let dimension = match arguments.get(1) {
            Some(dimension) => self.constant_int(dimension, "the number of a dimension")?,
            None => 0,
        };
        let sizes: Rc<[u32]> = match self.lookup(reference.name)? {
            Symbol::Array(_) => self.array(reference)?.sizes,
            Symbol::Bits(_) => [self.bits(reference)?.len()].into(),
            Symbol::Constant(_, Type::Bits(_)) => match self.value_of(reference)?.sample {
                Value::Bits { width, .. } => [width].into(),
                _ => [].into(),
            },
            _ => [self.qubits(reference)?.len()].into(),
        };
        let size = usize::try_from(dimension).ok().and_then(|at| sizes.get(at));
        match size {
            Some(&UNKNOWN) => Ok(Typed {
                expr: Expr::Variable(0),
                sample: sample_of(SIZE_TYPE),
            }),
            Some(size) => {
                let size = Value::from_word(u128::from(*size), SIZE_TYPE);
                Ok(Typed::constant(size))
            }
            None => Err(Diagnostic::new(
                ast.at,
                format!(
                    "{} has no dimension {dimension}: it has {}, counted from 0",
                    quoted(reference.name.text),
                    sizes.len()
                ),
            )),
        }
    }

    /// The elements that a loop iterates over.
    pub(crate) fn each(&mut self, reference: &Reference<'s>, ty: Type) -> Checked<Vec<Expr>> {
        let name = reference.name;
        let (values, sample): (Vec<Expr>, Value) = match self.lookup(name)? {
            Symbol::Bits(_) => {
                let operand = self.bits(reference)?;
                let bit = |first| Expr::Bits(Operand::Range { first, len: 1 });
                let values = operand.known().take(MAX_LOOP_ELEMENTS + 1).map(bit);
                (values.collect(), sample_of(Type::Bits(1)))
            }
            Symbol::Constant(_, Type::Bits(_)) => {
                let values = match self.value_of(reference)?.expr {
                    Expr::Constant(Value::Bits { value, width }) => (0..width)
                        .map(|place| Value::Bits {
                            value: value >> place & 1,
                            width: 1,
                        })
                        .map(Expr::Constant)
                        .collect(),
                    one => vec![one],
                };
                return values
                    .into_iter()
                    .map(|expr| {
                        let sample = match expr {
                            Expr::Constant(value) => value,
                            _ => sample_of(Type::Bits(1)),
                        };
                        Ok(Self::fit(Typed { expr, sample }, ty, name.at)?.expr)
                    })
                    .collect();
            }
            Symbol::Array(_) => {
                let array = self.array(reference)?;
                let [size] = *array.sizes else {
                    return Err(Diagnostic::new(
                        name.at,
                        "expected an array of one dimension to run over",
                    ));
                };
                let size = if size == UNKNOWN { 1 } else { size as usize };
                let stride = array.strides.first().copied().unwrap_or(0);
                let slots = (0..size).map(|step| moved(array.first, stride, step));
                let values = slots.take(MAX_LOOP_ELEMENTS + 1).map(Expr::Variable);
                (values.collect(), sample_of(array.ty))
            }
            other => {
                return Err(Diagnostic::new(
                    name.at,
                    format!(
                        "expected classical bits or an array to run over, but {} is {}",
                        quoted(name.text),
                        other.kind()
                    ),
                ));
            }
        };
        if values.len() > MAX_LOOP_ELEMENTS {
            return Err(Diagnostic::limit(
                name.at,
                format!("a loop runs over at most {MAX_LOOP_ELEMENTS} elements; use a range"),
            ));
        }
        // Each element counts as 16 numbers.
        self.count_listed(values.len() * 16, name.at)?;
        let fit = |expr| Ok(Self::fit(Typed { expr, sample }, ty, name.at)?.expr);
        values.into_iter().map(fit).collect()
    }

    /// An array as the parameter of a subroutine.
    pub(crate) fn formal_array(&mut self, ty: &ArrayType<'s>, mutable: bool) -> Checked<Array> {
        let element = self.element_type(ty)?;
        let sizes = match &ty.dimensions {
            None => self.sizes(&ty.sizes)?,
            Some(dimensions) => {
                let count = self.size(Some(dimensions))? as usize;
                if count > MAX_DIMENSIONS {
                    return Err(Diagnostic::new(
                        dimensions.at,
                        format!("an array has at most {MAX_DIMENSIONS} dimensions"),
                    ));
                }
                vec![UNKNOWN; count].into()
            }
        };
        let access = if mutable {
            Access::Writable
        } else {
            Access::ReadOnly
        };
        Ok(Array::packed(0, element, sizes, access))
    }

    /// An array as the argument of a subroutine: the same elements, with the parameter's rights.
    pub(crate) fn passed_array(
        &mut self,
        formal: &Array,
        reference: &Reference<'s>,
    ) -> Checked<Array> {
        let array = self.array(reference)?;
        let at = reference.name.at;
        if array.ty != formal.ty {
            return Err(Diagnostic::new(
                at,
                format!(
                    "expected an array of type `{}`, found one of `{}`",
                    formal.ty, array.ty
                ),
            ));
        }
        if !same_shape(&array.sizes, &formal.sizes) {
            let dimensions = formal.sizes.len();
            let expected = if formal.sizes.contains(&UNKNOWN) {
                format!("of {}", counted(dimensions, "dimension"))
            } else {
                format!("of {}", shape(&formal.sizes))
            };
            let found = shape(&array.sizes);
            let message = format!("expected an array {expected}, found one of {found}");
            return Err(Diagnostic::new(at, message));
        }
        if formal.access == Access::Writable && array.access != Access::Writable {
            let name = quoted(reference.name.text);
            let message = format!("{name} is read-only, but this parameter is `mutable`");
            return Err(Diagnostic::new(at, message));
        }
        Ok(Array {
            access: formal.access,
            ..array
        })
    }
}
