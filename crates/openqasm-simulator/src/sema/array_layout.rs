//! The layout of arrays in variables: a whole array is contiguous with the last index running fastest; a part of one
//! may have gaps or run backwards.

use crate::ir::value::Type;
use std::rc::Rc;

/// The unknown size of a dimension: that of a `#dim` parameter while its subroutine is checked without a call.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// The permitted uses of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Writable,
    ReadOnly,
    /// Its values are constants: subroutines can read it.
    Constant,
}

/// An array, or a part of one.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    /// The variable of the element whose indices are all 0.
    pub first: usize,
    pub ty: Type,
    pub sizes: Rc<[u32]>,
    /// For each index, the step in variables, negative if it runs backwards.
    pub strides: Rc<[isize]>,
    pub access: Access,
}

impl Array {
    /// An array of contiguous elements.
    pub(crate) fn packed(first: usize, ty: Type, sizes: Rc<[u32]>, access: Access) -> Self {
        let strides = packed_strides(&sizes);
        Self {
            first,
            ty,
            sizes,
            strides,
            access,
        }
    }

    pub(crate) fn has_unknown_size(&self) -> bool {
        self.sizes.contains(&UNKNOWN)
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.strides == packed_strides(&self.sizes)
    }

    /// The selection of the first index: an array of one dimension less.
    pub(crate) fn row(&self, index: usize) -> Self {
        let inner = |from: &[isize]| from.get(1..).unwrap_or_default().into();
        let stride = self.strides.first().copied().unwrap_or(0);
        Self {
            first: moved(self.first, stride, index),
            sizes: self.sizes.get(1..).unwrap_or_default().into(),
            strides: inner(&self.strides),
            ..*self
        }
    }

    /// The variables of all elements, the last index running fastest.
    pub(crate) fn variables(&self) -> Vec<usize> {
        let mut found = vec![self.first];
        for (size, stride) in self.sizes.iter().zip(&*self.strides) {
            let steps = 0..*size as usize;
            let along = |from: usize| steps.clone().map(move |step| moved(from, *stride, step));
            found = found.into_iter().flat_map(along).collect();
        }
        found
    }
}

/// The variable at that offset.
pub(crate) fn moved(first: usize, stride: isize, steps: usize) -> usize {
    let steps = isize::try_from(steps).unwrap_or(isize::MAX);
    first.saturating_add_signed(stride.saturating_mul(steps))
}

fn packed_strides(sizes: &[u32]) -> Rc<[isize]> {
    let inner = |place: usize| product(sizes.get(place + 1..).unwrap_or_default());
    let stride = |place| isize::try_from(inner(place)).unwrap_or(isize::MAX);
    (0..sizes.len()).map(stride).collect()
}

pub(crate) fn product(sizes: &[u32]) -> usize {
    sizes
        .iter()
        .fold(1, |count: usize, size| count.saturating_mul(*size as usize))
}

pub(crate) fn shape(sizes: &[u32]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(" × ")
}

pub(crate) fn same_shape(a: &[u32], b: &[u32]) -> bool {
    let fits = |(a, b): (&u32, &u32)| a == b || *a == UNKNOWN || *b == UNKNOWN;
    a.len() == b.len() && a.iter().zip(b).all(fits)
}

/// Copies of consecutive variables, `(from, to, count)`, that together copy each variable to its counterpart.
pub(crate) fn runs(from: &[usize], to: &[usize]) -> Vec<(usize, usize, usize)> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for (from, to) in from.iter().zip(to) {
        match found.last_mut() {
            Some((first, onto, count)) if *first + *count == *from && *onto + *count == *to => {
                *count += 1;
            }
            _ => found.push((*from, *to, 1)),
        }
    }
    found
}
