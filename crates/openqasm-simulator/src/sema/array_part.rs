//! Parts of arrays: rows and ranges, which are arrays themselves.

use crate::error::{Diagnostic, counted, quoted};
use crate::sema::array_layout::{Array, UNKNOWN, moved};
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, Index, Name, Reference};

impl<'s> Checker<'s> {
    /// The array, or the part of one, that a reference names.
    pub(crate) fn array(&mut self, reference: &Reference<'s>) -> Checked<Array> {
        let name = reference.name;
        let Symbol::Array(mut array) = self.lookup(name)? else {
            return Err(Diagnostic::new(
                name.at,
                format!("expected an array, but {} is none", quoted(name.text)),
            ));
        };
        let mut kept = 0;
        for index in reference.indices() {
            let Some(size) = array.sizes.get(kept).copied() else {
                return Err(too_many_indices(name));
            };
            let part = match index {
                Index::One(one) => {
                    let place = self.constant_int(one, "an index of a part of an array")?;
                    let place = within(place, size, name, one.at)?;
                    Part::Row(place as usize)
                }
                Index::Range(range) => self.range_of_array(range, size, name)?,
                Index::Set(_) => {
                    let message = "an array cannot be indexed by a set; expected an index or a range such as `a[0:2]`";
                    return Err(Diagnostic::new(name.at, message));
                }
            };
            array = part.of(&array, kept);
            kept += usize::from(matches!(part, Part::Range { .. }));
        }
        if array.sizes.is_empty() {
            return Err(Diagnostic::new(
                name.at,
                "expected an array, found one element of it",
            ));
        }
        Ok(array)
    }

    /// The indices of a range in a dimension of that size.
    fn range_of_array(
        &mut self,
        range: &ast::RangeExpr<'s>,
        size: u32,
        name: Name<'s>,
    ) -> Checked<Part> {
        let mut part = |part: &Option<ast::Expr<'s>>| match part {
            Some(value) => self.constant_int(value, "a range of an index").map(Some),
            None => Ok(None),
        };
        let (start, step, end) = (part(&range.start)?, part(&range.step)?, part(&range.end)?);
        let step = step.unwrap_or(1);
        let wrong = |message| Diagnostic::new(range.at, message);
        if step == 0 {
            return Err(wrong("the step of a range must not be 0".to_owned()));
        }
        let from_end = |index: i128| if index < 0 { i128::from(size) } else { 0 };
        let wrapped = |index: i128| index.saturating_add(from_end(index));
        let last = i128::from(size) - 1;
        let (low, high) = if step > 0 { (0, last) } else { (last, 0) };
        let (first, limit) = (start.map_or(low, wrapped), end.map_or(high, wrapped));
        let is_from_end = |bound: Option<i128>| bound.map(|index| index < 0);
        if let (UNKNOWN, Some(a), Some(b)) = (size, is_from_end(start), is_from_end(end))
            && a != b
        {
            // Whether the indices exist is known only at a call.
            let step = isize::try_from(step).unwrap_or(isize::MAX);
            return Ok(Part::Range {
                first: 0,
                step,
                count: UNKNOWN,
            });
        }
        let distance = limit.saturating_sub(first);
        if distance != 0 && (distance > 0) != (step > 0) {
            return Err(wrong("this range is empty".to_owned()));
        }
        let steps = distance / step;
        let inside = |index: i128| (0..=last).contains(&index);
        if !inside(first) || !inside(first + steps * step) {
            let (name, has) = (quoted(name.text), counted(size, "element"));
            let message =
                format!("this range is out of range: {name} has {has} there, counted from 0");
            return Err(wrong(message));
        }
        let counts_from_end = |bound: Option<i128>| bound.is_none_or(|index| index < 0);
        let count = if size == UNKNOWN && (counts_from_end(start) || counts_from_end(end)) {
            UNKNOWN
        } else {
            u32::try_from(steps + 1).unwrap_or(UNKNOWN)
        };
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let step = isize::try_from(step).unwrap_or(isize::MAX);
        Ok(Part::Range { first, step, count })
    }
}

/// The selection of an index in a dimension.
#[derive(Debug, Clone, Copy)]
enum Part {
    Row(usize),
    Range {
        first: usize,
        step: isize,
        count: u32,
    },
}

impl Part {
    /// Selects this part of that dimension of an array.
    fn of(self, array: &Array, dimension: usize) -> Array {
        let (mut sizes, mut strides) = (array.sizes.to_vec(), array.strides.to_vec());
        let stride = strides.get(dimension).copied().unwrap_or(0);
        let first = match self {
            Self::Row(place) => {
                sizes.remove(dimension);
                strides.remove(dimension);
                place
            }
            Self::Range { first, step, count } => {
                if let (Some(size), Some(stride)) =
                    (sizes.get_mut(dimension), strides.get_mut(dimension))
                {
                    *size = count;
                    *stride = stride.saturating_mul(step);
                }
                first
            }
        };
        Array {
            first: moved(array.first, stride, first),
            sizes: sizes.into(),
            strides: strides.into(),
            ..*array
        }
    }
}

/// An index as a number from 0; negative indices count from the end.
pub(crate) fn within(index: i128, size: u32, name: Name<'_>, at: u32) -> Checked<u32> {
    let from_end = if index < 0 { i128::from(size) } else { 0 };
    u32::try_from(index.saturating_add(from_end))
        .ok()
        .filter(|place| *place < size)
        .ok_or_else(|| {
            let name = quoted(name.text);
            let message = format!(
                "index {index} is out of range: {name} has {} there, counted from 0",
                counted(size, "element")
            );
            Diagnostic::new(at, message)
        })
}

fn too_many_indices(name: Name<'_>) -> Diagnostic {
    Diagnostic::new(
        name.at,
        format!("{} has fewer dimensions than indices", quoted(name.text)),
    )
}
