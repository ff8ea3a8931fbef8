//! The possible outcomes of a stabilizer state: an affine space over GF(2), all equally likely.
//!
//! Stabilizers without an X are parities that every outcome satisfies; solving them gives one outcome. The X parts of
//! the others span the differences to all other outcomes.

use crate::exec::evaluate::set_bit;
use crate::exec::exact::Probabilities;
use crate::resources::stop::{Stop, Stopped};
use crate::sampling;
use crate::stabilizer::tableau::Tableau;
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// One outcome, and vectors whose sums lead to the others, as words of classical bits.
#[derive(Debug, PartialEq)]
pub(crate) struct Support {
    pub origin: Vec<u64>,
    pub basis: Vec<Vec<u64>>,
}

/// A stabilizer.
#[derive(Debug, Clone)]
struct Row {
    x: Vec<u64>,
    z: Vec<u64>,
    negative: bool,
}

impl Support {
    /// The outcomes of measuring the qubits of `open` into their bits, beside the bits already set.
    pub(crate) fn new(
        tableau: &Tableau,
        open: &[(usize, Vec<u32>)],
        bits: &[u64],
        stop: &Stop,
    ) -> Result<Self, Stopped> {
        let mut rows = rows(tableau, stop)?;
        let rank = eliminate_x(&mut rows, tableau.qubits.len(), stop)?;
        let (moves, parities) = rows.split_at_mut(rank);
        let solution = solve(parities, tableau.qubits.len(), stop)?;
        let copy_to_bits = |values: &[u64], into: &mut [u64]| {
            for (slot, bits) in open {
                let value = bit(values, *slot);
                for bit in bits {
                    set_bit(into, *bit, value);
                }
            }
        };
        let mut origin = bits.to_vec();
        copy_to_bits(&solution, &mut origin);
        let mut basis = Vec::with_capacity(moves.len());
        for row in moves {
            stop.check()?;
            let mut vector = vec![0; bits.len()];
            copy_to_bits(&row.x, &mut vector);
            basis.push(vector);
        }
        Ok(Self {
            origin,
            basis: independent(basis, stop)?,
        })
    }

    /// Samples outcomes: calls back with each outcome and its number of shots, until the callback returns false.
    pub(crate) fn sample(
        &self,
        shots: u64,
        rng: &mut Xoshiro256PlusPlus,
        stop: &Stop,
        mut found: impl FnMut(Vec<u64>, u64) -> bool,
    ) -> Result<(), Stopped> {
        // Groups of shots with the same choices so far: the outcome, their number, and the index of the next vector.
        let mut parts = vec![(self.origin.clone(), shots, 0)];
        while let Some((mut outcome, times, place)) = parts.pop() {
            stop.check()?;
            let Some(vector) = self.basis.get(place) else {
                if !found(outcome, times) {
                    break;
                }
                continue;
            };
            if times == 1 {
                self.finish(&mut outcome, place, rng);
                if !found(outcome, 1) {
                    break;
                }
                continue;
            }
            let ones = sampling::binomial(rng, times, 0.5);
            if ones > 0 {
                let mut other = outcome.clone();
                add(&mut other, vector);
                parts.push((other, ones, place + 1));
            }
            if ones < times {
                parts.push((outcome, times - ones, place + 1));
            }
        }
        Ok(())
    }

    /// All outcomes with their probability; `None` if there are more than `most`.
    pub(crate) fn all(&self, most: usize, stop: &Stop) -> Result<Option<Probabilities>, Stopped> {
        let directions = u32::try_from(self.basis.len()).unwrap_or(u32::MAX);
        let Some(number) = 1_usize.checked_shl(directions).filter(|n| *n <= most) else {
            return Ok(None);
        };
        let mut outcomes = vec![self.origin.clone()];
        for vector in &self.basis {
            stop.check()?;
            let others = outcomes.clone().into_iter().map(|mut outcome| {
                add(&mut outcome, vector);
                outcome
            });
            outcomes.extend(others);
        }
        #[allow(clippy::cast_precision_loss, reason = "a small power of two")]
        let probability = 1.0 / number as f64;
        let each = outcomes.into_iter().map(|outcome| (outcome, probability));
        Ok(Some(each.collect()))
    }

    /// Makes the remaining choices for a single shot.
    fn finish(&self, outcome: &mut [u64], place: usize, rng: &mut Xoshiro256PlusPlus) {
        for vectors in self.basis.get(place..).unwrap_or_default().chunks(64) {
            let choices = rng.next_u64();
            for (number, vector) in vectors.iter().enumerate() {
                if choices >> number & 1 == 1 {
                    add(outcome, vector);
                }
            }
        }
    }
}

fn bit(words: &[u64], index: usize) -> bool {
    words
        .get(index / 64)
        .is_some_and(|word| word >> (index % 64) & 1 == 1)
}

fn add(to: &mut [u64], vector: &[u64]) {
    to.iter_mut().zip(vector).for_each(|(to, word)| *to ^= word);
}

/// The stabilizers of a tableau as rows.
fn rows(tableau: &Tableau, stop: &Stop) -> Result<Vec<Row>, Stopped> {
    let qubits = tableau.qubits.len();
    let empty = Row {
        x: vec![0; qubits.div_ceil(64)],
        z: vec![0; qubits.div_ceil(64)],
        negative: false,
    };
    let mut rows = vec![empty; qubits];
    for (number, pauli) in tableau.qubits.iter().enumerate() {
        stop.check()?;
        for_each_stabilizer(&pauli.x, &mut rows, |row| set_bit_of(&mut row.x, number));
        for_each_stabilizer(&pauli.z, &mut rows, |row| set_bit_of(&mut row.z, number));
    }
    for_each_stabilizer(&tableau.negative, &mut rows, |row| row.negative = true);
    Ok(rows)
}

fn for_each_stabilizer(column: &[u64], rows: &mut [Row], mut work: impl FnMut(&mut Row)) {
    for (word, rows) in column.iter().skip(1).step_by(2).zip(rows.chunks_mut(64)) {
        let mut left = *word;
        while left != 0 {
            if let Some(row) = rows.get_mut(left.trailing_zeros() as usize) {
                work(row);
            }
            left &= left - 1;
        }
    }
}

fn set_bit_of(words: &mut [u64], index: usize) {
    if let Some(word) = words.get_mut(index / 64) {
        *word |= 1 << (index % 64);
    }
}

/// Brings the X parts into echelon form; returns the number of rows with an X part, which come first.
fn eliminate_x(rows: &mut [Row], qubits: usize, stop: &Stop) -> Result<usize, Stopped> {
    let mut rank = 0;
    for qubit in 0..qubits {
        let Some(found) = rows.iter().skip(rank).position(|row| bit(&row.x, qubit)) else {
            continue;
        };
        rows.swap(rank, rank + found);
        rank += 1;
        let (before, after) = rows.split_at_mut(rank);
        if let Some(pivot) = before.last() {
            for (number, row) in after.iter_mut().enumerate() {
                if number.is_multiple_of(1024) {
                    stop.check()?;
                }
                if bit(&row.x, qubit) {
                    row.multiply(pivot);
                }
            }
        }
    }
    Ok(rank)
}

impl Row {
    /// Multiplies with another stabilizer. They commute: the product is real.
    fn multiply(&mut self, other: &Self) {
        // The power of i at each position of a word, counted in two bits.
        let (mut ones, mut twos) = (0_u64, 0_u64);
        let mine = self.x.iter_mut().zip(&mut self.z);
        for ((x, z), (px, pz)) in mine.zip(other.x.iter().zip(&other.z)) {
            let differ = (px & *z) ^ (pz & *x);
            let plus = (px & !pz & *x & *z) | (px & pz & !*x & *z) | (!px & pz & *x & !*z);
            twos ^= (ones & differ) ^ (differ & !plus);
            ones ^= differ;
            *x ^= px;
            *z ^= pz;
        }
        let power = ones.count_ones() + 2 * twos.count_ones();
        self.negative ^= other.negative ^ (power & 2 == 2);
    }
}

/// Values of the qubits that satisfy all parities: the sum of those in `z` is odd if the row is negative.
fn solve(parities: &mut [Row], qubits: usize, stop: &Stop) -> Result<Vec<u64>, Stopped> {
    let mut solution = vec![0; qubits.div_ceil(64)];
    let mut done = 0;
    let mut places = Vec::with_capacity(parities.len());
    for qubit in 0..qubits {
        let Some(found) = parities
            .iter()
            .skip(done)
            .position(|row| bit(&row.z, qubit))
        else {
            continue;
        };
        stop.check()?;
        parities.swap(done, done + found);
        let (before, rest) = parities.split_at_mut(done);
        if let Some((pivot, after)) = rest.split_first_mut() {
            for row in before.iter_mut().chain(after) {
                if bit(&row.z, qubit) {
                    add(&mut row.z, &pivot.z);
                    row.negative ^= pivot.negative;
                }
            }
        }
        places.push(qubit);
        done += 1;
    }
    for (row, qubit) in parities.iter().zip(places) {
        if row.negative {
            set_bit_of(&mut solution, qubit);
        }
    }
    Ok(solution)
}

/// A basis of the space that the vectors span.
fn independent(mut vectors: Vec<Vec<u64>>, stop: &Stop) -> Result<Vec<Vec<u64>>, Stopped> {
    let mut rank = 0;
    let bits = vectors.first().map_or(0, |vector| vector.len() * 64);
    for place in 0..bits {
        let Some(found) = vectors
            .iter()
            .skip(rank)
            .position(|vector| bit(vector, place))
        else {
            continue;
        };
        stop.check()?;
        vectors.swap(rank, rank + found);
        rank += 1;
        let (before, after) = vectors.split_at_mut(rank);
        if let Some(pivot) = before.last() {
            for vector in after.iter_mut().filter(|vector| bit(vector, place)) {
                add(vector, pivot);
            }
        }
    }
    vectors.truncate(rank);
    Ok(vectors)
}
