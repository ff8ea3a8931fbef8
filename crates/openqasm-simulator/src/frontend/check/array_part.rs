//! Parts of arrays: rows and ranges, which are arrays themselves.

use super::super::super::error::{Diagnostic, counted, quoted};
use super::super::ast::{self, Index, Name, Reference};
use super::array::{Array, product};
use super::scope::Symbol;
use super::{Checked, Checker};

impl<'s> Checker<'s> {
    /// The array, or the part of one, that a reference stands for.
    pub(super) fn array(&mut self, reference: &Reference<'s>) -> Checked<Array> {
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
            let inner = product(array.sizes.get(kept + 1..).unwrap_or_default());
            let (place, at, len) = match index {
                Index::One(one) => {
                    let place = self.constant_int(one, "an index of a part of an array")?;
                    (place, one.at, None)
                }
                Index::Range(range) if range.step.is_none() => {
                    let (start, end) = self.bounds(range, size)?;
                    (start, range.at, Some((end - start + 1).max(0)))
                }
                _ => {
                    return Err(Diagnostic::new(
                        name.at,
                        "expected a part of an array without gaps, such as `a[1]` or `a[0:2]`",
                    ));
                }
            };
            let place = within(place, size, name, at)?;
            array.first = array
                .first
                .saturating_add(inner.saturating_mul(place as usize));
            let mut sizes = array.sizes.to_vec();
            match len {
                None if kept == 0 => drop(sizes.remove(0)),
                None => {
                    return Err(Diagnostic::new(
                        at,
                        "expected a part of an array without gaps: an index after a range leaves some",
                    ));
                }
                Some(len) => {
                    if kept > 0 && len != i128::from(size) {
                        return Err(Diagnostic::new(
                            at,
                            "expected a part of an array without gaps: only the first range may leave elements out",
                        ));
                    }
                    let fits = i128::from(place) + len <= i128::from(size) && len > 0;
                    let len = u32::try_from(len).ok().filter(|_| fits);
                    let out = || Diagnostic::new(at, "this range is empty or out of range");
                    if let Some(size) = sizes.get_mut(kept) {
                        *size = len.ok_or_else(out)?;
                    }
                    kept += 1;
                }
            }
            array.sizes = sizes.into();
        }
        if array.sizes.is_empty() {
            return Err(Diagnostic::new(
                name.at,
                "expected an array, found one element of it",
            ));
        }
        Ok(array)
    }

    /// The first and the last index of a range.
    fn bounds(&mut self, range: &ast::RangeExpr<'s>, size: u32) -> Checked<(i128, i128)> {
        let mut part = |part: &Option<ast::Expr<'s>>, otherwise| match part {
            Some(value) => {
                let index = self.constant_int(value, "a range of an index")?;
                let from_end = if index < 0 { i128::from(size) } else { 0 };
                Ok(index.saturating_add(from_end))
            }
            None => Ok(otherwise),
        };
        Ok((
            part(&range.start, 0)?,
            part(&range.end, i128::from(size) - 1)?,
        ))
    }
}

/// An index as a number from 0; negative ones count from the end.
pub(super) fn within(index: i128, size: u32, name: Name<'_>, at: u32) -> Checked<u32> {
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
