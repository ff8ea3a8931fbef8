//! Phases on one and two qubits, any number of them in one pass: together they multiply each amplitude by a product
//! over the bits of its index and over pairs of them.
#![allow(
    clippy::indexing_slicing,
    clippy::inline_always,
    clippy::many_single_char_names,
    reason = "hot loops over tables whose sizes are powers of two by construction"
)]

use crate::ir::complex::Complex;
use crate::statevector::simd::{Lanes, Level, Work};

/// The lowest qubits of a tile, which have tables of their own: a row of the tile is 2^6 amplitudes.
const ROW_QUBITS: u32 = 6;
const ROW: usize = 1 << ROW_QUBITS;

/// Factors for the amplitudes where a qubit is 1, and where two qubits are 1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Diagonal {
    pub(crate) singles: Vec<(u8, Complex)>,
    pub(crate) pairs: Vec<(u8, u8, Complex)>,
}

impl Diagonal {
    /// All qubits that the phases touch, as a mask.
    pub(crate) fn qubits(&self) -> u64 {
        let singles = self.singles.iter().fold(0, |mask, (a, _)| mask | 1 << a);
        let pairs = self.pairs.iter();
        pairs.fold(singles, |mask, (a, b, _)| mask | 1 << a | 1 << b)
    }
}

/// A diagonal prepared for tiles of given qubits. A qubit outside a tile has one value in all of it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// A factor of the whole tile for each set of qubits outside, given as bits of an index.
    outside: Vec<(u64, Complex)>,
    /// Factors where a qubit of the tile is 1, if those bits of the tile's index are 1.
    crossing: Vec<(usize, u64, Complex)>,
    /// Factors where a qubit of the tile is 1.
    singles: Vec<Complex>,
    /// The products over pairs within a row, and over pairs of qubits above the row.
    row: Vec<Complex>,
    above: Vec<Complex>,
    /// Qubits above the row that are paired with qubits within it, as bits of the row's number, each with its factors
    /// along the row.
    mixed: Vec<(usize, Table)>,
}

/// Factors along a row.
#[derive(Debug, Clone)]
struct Table {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Table {
    fn new(factors: &[Complex]) -> Self {
        Self {
            re: factors.iter().map(|factor| factor.re).collect(),
            im: factors.iter().map(|factor| factor.im).collect(),
        }
    }
}

impl Prepared {
    /// Prepares for tiles of the qubits in the mask, which has more qubits than a row.
    pub(crate) fn new(diagonal: &Diagonal, mask: u64) -> Self {
        let place = |qubit: u8| (mask & ((1 << qubit) - 1)).count_ones() as usize;
        let is_inside = |qubit: u8| mask >> qubit & 1 == 1;
        let qubits = mask.count_ones() as usize;
        let row_qubits = ROW_QUBITS as usize;
        let mut prepared = Self {
            outside: Vec::new(),
            crossing: Vec::new(),
            singles: vec![Complex::ONE; qubits],
            row: vec![Complex::ONE; ROW],
            above: vec![Complex::ONE; 1 << qubits.saturating_sub(row_qubits)],
            mixed: Vec::new(),
        };
        for (qubit, factor) in &diagonal.singles {
            if is_inside(*qubit) {
                let single = &mut prepared.singles[place(*qubit)];
                *single = *single * *factor;
            } else {
                prepared.outside.push((1 << qubit, *factor));
            }
        }
        let mut mixed = vec![Vec::new(); qubits];
        for (a, b, factor) in &diagonal.pairs {
            match (is_inside(*a), is_inside(*b)) {
                (false, false) => prepared.outside.push((1 << a | 1 << b, *factor)),
                (true, false) => prepared.crossing.push((place(*a), 1 << b, *factor)),
                (false, true) => prepared.crossing.push((place(*b), 1 << a, *factor)),
                (true, true) => {
                    let (low, high) = (place(*a).min(place(*b)), place(*a).max(place(*b)));
                    let bits = 1 << low | 1 << high;
                    if high < row_qubits {
                        multiply_where(&mut prepared.row, bits, *factor);
                    } else if low >= row_qubits {
                        multiply_where(&mut prepared.above, bits >> row_qubits, *factor);
                    } else {
                        if mixed[high].is_empty() {
                            mixed[high] = vec![Complex::ONE; ROW];
                        }
                        multiply_where(&mut mixed[high], 1 << low, *factor);
                    }
                }
            }
        }
        for (qubit, factors) in mixed.iter().enumerate() {
            if !factors.is_empty() {
                let bit = 1 << (qubit - row_qubits);
                prepared.mixed.push((bit, Table::new(factors)));
            }
        }
        prepared
    }

    /// Applies all phases to the tile at that index of the state.
    pub(crate) fn apply(&self, re: &mut [f64], im: &mut [f64], base: u64, level: Level) {
        let mut whole = Complex::ONE;
        for (bits, factor) in &self.outside {
            if base & bits == *bits {
                whole = whole * *factor;
            }
        }
        let mut singles = self.singles.clone();
        for (place, bits, factor) in &self.crossing {
            if base & bits == *bits {
                singles[*place] = singles[*place] * *factor;
            }
        }
        let (low, high) = singles.split_at(ROW_QUBITS as usize);
        let row = products(&self.row, Complex::ONE, low);
        let above = products(&self.above, whole, high);
        let is_plain = row.iter().all(|factor| *factor == Complex::ONE);
        level.run(Apply {
            row: Table::new(&row),
            is_plain,
            above: &above,
            mixed: &self.mixed,
            re,
            im,
        });
    }
}

fn multiply_where(factors: &mut [Complex], bits: usize, by: Complex) {
    for (index, factor) in factors.iter_mut().enumerate() {
        if index & bits == bits {
            *factor = *factor * by;
        }
    }
}

/// A table times a factor, and times the factors of all qubits that are 1 in an index.
fn products(table: &[Complex], whole: Complex, singles: &[Complex]) -> Vec<Complex> {
    let mut products = Vec::with_capacity(table.len());
    products.push(whole);
    for single in singles {
        for index in 0..products.len() {
            products.push(products[index] * *single);
        }
    }
    for (product, factor) in products.iter_mut().zip(table) {
        *product = *product * *factor;
    }
    products
}

struct Apply<'a> {
    row: Table,
    /// Whether all factors of the row are 1.
    is_plain: bool,
    above: &'a [Complex],
    mixed: &'a [(usize, Table)],
    re: &'a mut [f64],
    im: &'a mut [f64],
}

impl Work for Apply<'_> {
    type Output = ();

    /// Enumerates the sets of mixed qubits that are 1 as numbers. The table of a number is the table of the number
    /// without its lowest bit, times the table of that bit; the former is stored under its own lowest bit and is
    /// still valid when it is needed.
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self {
            row,
            is_plain,
            above,
            mixed,
            re,
            im,
        } = self;
        let last = mixed.len();
        let mut tables = vec![row; last + 1];
        let mixed_bits = mixed.iter().fold(0, |bits, (bit, _)| bits | bit);
        let other_bits = (above.len() - 1) & !mixed_bits;
        let lowest = |number: usize| (number.trailing_zeros() as usize).min(last);
        let mut first = 0;
        for number in 0..1_usize << last {
            let place = lowest(number);
            if number > 0 {
                first = (0..last)
                    .filter(|bit| number >> bit & 1 == 1)
                    .fold(0, |bits, bit| bits | mixed[bit].0);
                let from = lowest(number & (number - 1));
                let (to, from) = tables.split_at_mut(from);
                multiply(lanes, &mut to[place], &from[0], &mixed[place].1);
            }
            let table = &tables[place];
            let mut rest = 0;
            loop {
                let at = first | rest;
                let factor = above[at];
                if !(is_plain && number == 0 && factor == Complex::ONE) {
                    let range = at * ROW..(at + 1) * ROW;
                    scale(lanes, &mut re[range.clone()], &mut im[range], table, factor);
                }
                rest = (rest | !other_bits).wrapping_add(1) & other_bits;
                if rest == 0 {
                    break;
                }
            }
        }
    }
}

/// One table times another.
#[inline(always)]
fn multiply<L: Lanes>(lanes: L, to: &mut Table, from: &Table, by: &Table) {
    let (to_re, to_im) = (L::view_mut(&mut to.re), L::view_mut(&mut to.im));
    let (from_re, from_im) = (L::view(&from.re), L::view(&from.im));
    let (by_re, by_im) = (L::view(&by.re), L::view(&by.im));
    for place in 0..to_re.len() {
        let (a, b) = (lanes.load(&from_re[place]), lanes.load(&from_im[place]));
        let (c, d) = (lanes.load(&by_re[place]), lanes.load(&by_im[place]));
        lanes.store(&mut to_re[place], lanes.mul_sub(b, d, lanes.mul(a, c)));
        lanes.store(&mut to_im[place], lanes.mul_add(b, c, lanes.mul(a, d)));
    }
}

/// A row of amplitudes times a table and a factor.
#[inline(always)]
fn scale<L: Lanes>(lanes: L, re: &mut [f64], im: &mut [f64], table: &Table, factor: Complex) {
    let (re, im) = (L::view_mut(re), L::view_mut(im));
    let (table_re, table_im) = (L::view(&table.re), L::view(&table.im));
    let (c, d) = (lanes.splat(factor.re), lanes.splat(factor.im));
    for (((re, im), a), b) in re.iter_mut().zip(im).zip(table_re).zip(table_im) {
        let (a, b) = (lanes.load(a), lanes.load(b));
        let by_re = lanes.mul_sub(b, d, lanes.mul(a, c));
        let by_im = lanes.mul_add(b, c, lanes.mul(a, d));
        let (r, i) = (lanes.load(re), lanes.load(im));
        lanes.store(re, lanes.mul_sub(i, by_im, lanes.mul(r, by_re)));
        lanes.store(im, lanes.mul_add(i, by_re, lanes.mul(r, by_im)));
    }
}
