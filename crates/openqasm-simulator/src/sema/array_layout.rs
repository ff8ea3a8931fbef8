//! Where the elements of arrays are: in variables, for a whole array in a row with the last index
//! running fastest, for a part of one perhaps with gaps or backwards.

use crate::ir::value::Type;
use std::rc::Rc;

/// The size of a dimension that is not known: that of a parameter with `#dim`, while its
/// subroutine is only checked.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// What may be done with an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Writable,
    ReadOnly,
    /// Its values are constants: subroutines see it.
    Constant,
}

/// An array, or a part of one.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    /// The variable of the element whose indices are all 0.
    pub first: usize,
    pub ty: Type,
    pub sizes: Rc<[u32]>,
    /// For each index, how many variables one step goes on, or back where it is negative.
    pub strides: Rc<[isize]>,
    pub access: Access,
}

impl Array {
    /// An array whose elements are in a row.
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

    /// What the first index selects: an array of one dimension less.
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

/// The variable that many steps further.
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

/// Copies of variables in a row, `(from, to, count)`, that together copy each variable to the one
/// beside it.
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
