//! The stabilizer tableau of S. Aaronson and D. Gottesman, "Improved simulation of stabilizer
//! circuits", arXiv:quant-ph/0406196, by columns: a gate changes one or two columns of bits, 64
//! rows at a time.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "hot loops over columns of equal length"
)]

use crate::resources::stop::{Stop, Stopped};
use crate::stabilizer::clifford::{Clifford, Local};
use crate::statevector::state::NoState;

/// One bit for each row. Even words hold destabilizers and odd ones stabilizers, so that rows 64k
/// to 64k + 63 of both are neighbours and a column grows at its end.
pub(crate) type Column = Vec<u64>;

/// The bits of one qubit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pauli {
    pub x: Column,
    pub z: Column,
}

/// A stabilizer state. Row `k` of either kind is a product of Pauli operators: `x` alone for X, `z` alone for Z, both
/// for Y. Destabilizer `k` anticommutes with stabilizer `k` alone.
#[derive(Debug)]
pub(crate) struct Tableau {
    pub qubits: Vec<Pauli>,
    /// Whether a row has a minus.
    pub negative: Column,
}

/// Words of a column for that many qubits, with capacity for up to an eighth more, so that columns seldom move
/// as qubits are added.
fn words(qubits: usize) -> usize {
    let exact = qubits.div_ceil(64);
    let unit = exact.checked_ilog2().map_or(1, |log| (1 << log) / 8);
    2 * exact.next_multiple_of(unit.max(1))
}

impl Tableau {
    /// No qubits.
    pub(crate) fn new() -> Self {
        Self {
            qubits: Vec::new(),
            negative: Vec::new(),
        }
    }

    /// Bytes for that many qubits: two bits for each qubit in each of two rows for each qubit, and half of that again
    /// to sample outcomes.
    pub(crate) fn bytes(qubits: usize) -> u128 {
        let column = words(qubits) as u128 * 8;
        let each = 3 * column + 2 * size_of::<Pauli>() as u128;
        (qubits as u128).saturating_mul(each) + column
    }

    /// Adds qubits in |0⟩ as the last ones.
    pub(crate) fn grow(&mut self, qubits: usize, stop: &Stop) -> Result<(), NoState> {
        let length = words(qubits);
        let before = self.qubits.len();
        let missing = qubits.saturating_sub(before);
        let reserved = self.qubits.try_reserve(missing);
        reserved.map_err(|_| NoState::OutOfMemory)?;
        self.qubits.resize(qubits, Pauli::default());
        // The old columns are long enough unless the last one gets longer.
        let first = if self.negative.len() < length {
            0
        } else {
            before
        };
        for (number, pauli) in self.qubits.iter_mut().enumerate().skip(first) {
            if number.is_multiple_of(256) {
                stop.check()?;
            }
            lengthen(&mut pauli.x, length)?;
            lengthen(&mut pauli.z, length)?;
        }
        lengthen(&mut self.negative, length)?;
        for number in before..qubits {
            let (word, bit) = (2 * (number / 64), 1 << (number % 64));
            self.qubits[number].x[word] |= bit;
            self.qubits[number].z[word + 1] |= bit;
        }
        Ok(())
    }

    pub(crate) fn try_clone(&self, stop: &Stop) -> Result<Self, NoState> {
        let copy = |column: &Column| {
            let mut copied = Vec::new();
            let reserved = copied.try_reserve_exact(column.len());
            reserved.map_err(|_| NoState::OutOfMemory)?;
            copied.extend_from_slice(column);
            Ok::<_, NoState>(copied)
        };
        let mut qubits = Vec::with_capacity(self.qubits.len());
        for (number, pauli) in self.qubits.iter().enumerate() {
            if number.is_multiple_of(256) {
                stop.check()?;
            }
            qubits.push(Pauli {
                x: copy(&pauli.x)?,
                z: copy(&pauli.z)?,
            });
        }
        Ok(Self {
            qubits,
            negative: copy(&self.negative)?,
        })
    }

    /// Applies a step; its qubit numbers are indices into `slots`.
    pub(crate) fn apply(&mut self, step: Clifford, slots: &[usize]) {
        let slot = |number: u8| slots.get(usize::from(number)).copied();
        match step {
            Clifford::Local { target, local } => {
                if let Some(target) = slot(target) {
                    self.local(target, local);
                }
            }
            Clifford::ControlledX { control, target } => {
                self.pair(slot(control), slot(target), controlled_x);
            }
            Clifford::ControlledZ { a, b } => self.pair(slot(a), slot(b), controlled_z),
            Clifford::Swap { a, b } => {
                if let (Some(a), Some(b)) = (slot(a), slot(b)) {
                    self.qubits.swap(a, b);
                }
            }
        }
    }

    fn local(&mut self, target: usize, local: Local) {
        let mask = |bit: bool| if bit { u64::MAX } else { 0 };
        let (x_to_x, x_to_z) = (mask(local.x.x), mask(local.x.z));
        let (z_to_x, z_to_z) = (mask(local.z.x), mask(local.z.z));
        let (x_sign, z_sign) = (mask(local.x.negative), mask(local.z.negative));
        let y_sign = mask(local.y_negative);
        let Pauli { x, z } = &mut self.qubits[target];
        for ((x, z), negative) in x.iter_mut().zip(z).zip(&mut self.negative) {
            let (was_x, was_z) = (*x, *z);
            *negative ^= (was_x & !was_z & x_sign) ^ (was_z & !was_x & z_sign);
            *negative ^= was_x & was_z & y_sign;
            *x = (was_x & x_to_x) ^ (was_z & z_to_x);
            *z = (was_x & x_to_z) ^ (was_z & z_to_z);
        }
    }

    fn pair(
        &mut self,
        first: Option<usize>,
        second: Option<usize>,
        work: fn(&mut Pauli, &mut Pauli, &mut Column),
    ) {
        if let (Some(first), Some(second)) = (first, second)
            && let Ok([first, second]) = self.qubits.get_disjoint_mut([first, second])
        {
            work(first, second, &mut self.negative);
        }
    }

    /// A stabilizer that anticommutes with the measurement of a qubit: its outcome is then random.
    fn pivot(&self, qubit: usize) -> Option<usize> {
        let stabilizers = self.qubits[qubit].x.iter().skip(1).step_by(2);
        let (word, bits) = stabilizers.enumerate().find(|(_, bits)| **bits != 0)?;
        Some(64 * word + bits.trailing_zeros() as usize)
    }

    /// The outcome of a qubit's measurement; `None` if both are equally likely.
    pub(crate) fn outcome(&self, qubit: usize, stop: &Stop) -> Result<Option<bool>, Stopped> {
        if self.pivot(qubit).is_some() {
            return Ok(None);
        }
        // ±Z of this qubit is the product of those stabilizers whose destabilizers anticommute
        // with it.
        let chosen: Vec<u64> = self.qubits[qubit].x.iter().step_by(2).copied().collect();
        self.is_negative(&chosen, 0, stop).map(Some)
    }

    /// The mean of a product of Pauli operators, each with its qubit, X and Z.
    pub(crate) fn mean(
        &self,
        factors: &[(usize, bool, bool)],
        stop: &Stop,
    ) -> Result<f64, Stopped> {
        // The rows that anticommute with the product.
        let mut differ = vec![0_u64; self.negative.len()];
        for (qubit, x, z) in factors {
            let Pauli {
                x: rows_x,
                z: rows_z,
            } = &self.qubits[*qubit];
            for k in 0..differ.len() {
                differ[k] ^= if *x { rows_z[k] } else { 0 };
                differ[k] ^= if *z { rows_x[k] } else { 0 };
            }
        }
        if differ.iter().skip(1).step_by(2).any(|word| *word != 0) {
            return Ok(0.0);
        }
        let chosen: Vec<u64> = differ.iter().step_by(2).copied().collect();
        let ys = factors.iter().filter(|(_, x, z)| *x && *z).count();
        let is_negative = self.is_negative(&chosen, ys, stop)?;
        Ok(if is_negative { -1.0 } else { 1.0 })
    }

    /// Whether the product of the chosen stabilizers, which has that many Ys, has a minus.
    fn is_negative(
        &self,
        chosen: &[u64],
        ys_of_product: usize,
        stop: &Stop,
    ) -> Result<bool, Stopped> {
        // Y counts as i XZ, and a Z that an X passes as a minus.
        let of = |column: &'_ Column, word: usize| column[2 * word + 1] & chosen[word];
        let (mut sign, mut ys) = (false, 0_u64);
        for word in 0..chosen.len() {
            sign ^= of(&self.negative, word).count_ones() & 1 == 1;
        }
        for (number, pauli) in self.qubits.iter().enumerate() {
            if number.is_multiple_of(256) {
                stop.check()?;
            }
            let (mut before, mut passed) = (0_u64, 0_u64);
            for word in 0..chosen.len() {
                let (x, z) = (of(&pauli.x, word), of(&pauli.z, word));
                ys += u64::from((x & z).count_ones());
                // For each row, whether the rows before it have an odd number of Zs.
                let through = parities(z) ^ before;
                passed ^= (through ^ z) & x;
                before = 0_u64.wrapping_sub(through >> 63);
            }
            sign ^= passed.count_ones() & 1 == 1;
        }
        // The product is real: the difference is even.
        let ys = ys.wrapping_sub(ys_of_product as u64);
        Ok(sign ^ (ys & 2 == 2))
    }

    /// Fixes the outcome of a measurement that was random. If this is stopped, the tableau is invalid.
    pub(crate) fn collapse(
        &mut self,
        qubit: usize,
        value: bool,
        stop: &Stop,
    ) -> Result<(), Stopped> {
        let Some(pivot) = self.pivot(qubit) else {
            return Ok(());
        };
        let (word, shift) = (2 * (pivot / 64), pivot % 64);
        // All other rows that anticommute with the measurement are multiplied by the pivot. Its
        // own destabilizer is replaced below and needs no sign.
        let mut others = self.qubits[qubit].x.clone();
        others[word + 1] &= !(1 << shift);
        others[word] &= !(1 << shift);
        // The phase of each product as a power of i: two bits.
        let (mut ones, mut twos) = (vec![0_u64; others.len()], vec![0_u64; others.len()]);
        for (number, pauli) in self.qubits.iter_mut().enumerate() {
            if number.is_multiple_of(256) {
                stop.check()?;
            }
            let px = 0_u64.wrapping_sub(pauli.x[word + 1] >> shift & 1);
            let pz = 0_u64.wrapping_sub(pauli.z[word + 1] >> shift & 1);
            if px | pz == 0 {
                continue;
            }
            for k in 0..others.len() {
                let (x, z, chosen) = (pauli.x[k], pauli.z[k], others[k]);
                // Pivot times row: XY, YZ and ZX give i, their reverses -i.
                let differ = (px & z ^ pz & x) & chosen;
                let plus = (px & !pz & x & z) | (px & pz & !x & z) | (!px & pz & x & !z);
                let minus = differ & !plus;
                // Adds 1 or 3.
                twos[k] ^= (ones[k] & differ) ^ minus;
                ones[k] ^= differ;
                pauli.x[k] ^= px & chosen;
                pauli.z[k] ^= pz & chosen;
            }
        }
        let pivot_negative = 0_u64.wrapping_sub(self.negative[word + 1] >> shift & 1);
        for k in 0..others.len() {
            self.negative[k] ^= (pivot_negative & others[k]) ^ twos[k];
        }
        let bit = 1_u64 << shift;
        let becomes = |column: &mut Column| {
            // The old stabilizer is the new destabilizer.
            column[word] = column[word] & !bit | column[word + 1] & bit;
            column[word + 1] &= !bit;
        };
        for pauli in &mut self.qubits {
            becomes(&mut pauli.x);
            becomes(&mut pauli.z);
        }
        becomes(&mut self.negative);
        self.qubits[qubit].z[word + 1] |= bit;
        if value {
            self.negative[word + 1] |= bit;
        }
        Ok(())
    }
}

fn lengthen(column: &mut Column, length: usize) -> Result<(), NoState> {
    let missing = length.saturating_sub(column.len());
    let reserved = column.try_reserve_exact(missing);
    reserved.map_err(|_| NoState::OutOfMemory)?;
    column.resize(length, 0);
    Ok(())
}

/// For each bit, the parity of it and all lower ones.
fn parities(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

fn controlled_x(control: &mut Pauli, target: &mut Pauli, negative: &mut Column) {
    let n = negative.len();
    let (cx, cz) = (&control.x[..n], &mut control.z[..n]);
    let (tx, tz) = (&mut target.x[..n], &target.z[..n]);
    for k in 0..n {
        negative[k] ^= cx[k] & tz[k] & !(tx[k] ^ cz[k]);
        tx[k] ^= cx[k];
        cz[k] ^= tz[k];
    }
}

fn controlled_z(a: &mut Pauli, b: &mut Pauli, negative: &mut Column) {
    let n = negative.len();
    let (ax, az) = (&a.x[..n], &mut a.z[..n]);
    let (bx, bz) = (&b.x[..n], &mut b.z[..n]);
    for k in 0..n {
        negative[k] ^= ax[k] & bx[k] & (az[k] ^ bz[k]);
        az[k] ^= bx[k];
        bz[k] ^= ax[k];
    }
}
