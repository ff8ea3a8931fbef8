//! Random draws and the counting of outcomes.

use crate::ir::program::{Program, RegisterSlot};
use crate::limits::MAX_RESULT_TEXT_BYTES;
use crate::resources::stop::{Stop, Stopped};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::{BTreeMap, HashMap};

/// Shots drawn together: bounds the memory of a large number of shots.
const BATCH: u64 = 1 << 20;
/// Up to this many basis states, shots are divided among the states instead of drawn one by one.
const FEW: usize = 64;
/// Steps between two checks of the stop flag.
const CHUNK: usize = 1 << 16;

/// The random generator of a run. The same seed always gives the same counts.
pub(crate) fn generator(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// A seed for a run without one. It fits the integers of JSON and of PostgreSQL.
pub(crate) fn random_seed() -> u64 {
    rand::random::<u64>() >> 11
}

/// Draws how many of `trials` succeed, each with the given probability.
///
/// All trials compare their random bits with those of the probability, highest first. Each bit decides half of the
/// undecided trials, so that 64 trials cost about two random words.
///
/// The probability is rounded to a multiple of 2⁻⁴⁰: the number of words drawn depends on its bits, and the last bits
/// of a computed probability differ between machines.
pub(crate) fn binomial(rng: &mut Xoshiro256PlusPlus, trials: u64, probability: f64) -> u64 {
    /// 2⁴⁰
    const GRID: f64 = 1_099_511_627_776.0;
    let probability = (probability * GRID).round() / GRID;
    if probability >= 1.0 {
        return trials;
    }
    let (mut successes, mut undecided, mut rest) = (0, trials, probability.max(0.0));
    while undecided > 0 && rest > 0.0 {
        let ones = fair(rng, undecided);
        rest *= 2.0;
        if rest >= 1.0 {
            rest -= 1.0;
            successes += undecided - ones;
            undecided = ones;
        } else {
            undecided -= ones;
        }
    }
    successes
}

/// Draws how many of `trials` fair coins show 1.
fn fair(rng: &mut Xoshiro256PlusPlus, coins: u64) -> u64 {
    let mut ones = 0;
    for _ in 0..coins / 64 {
        ones += u64::from(rng.next_u64().count_ones());
    }
    let mask = (1 << (coins % 64)) - 1;
    ones + u64::from((rng.next_u64() & mask).count_ones())
}

/// A statevector and the sums of its probabilities over blocks of `block` neighbours.
pub(crate) struct Weighed<'a> {
    pub re: &'a [f64],
    pub im: &'a [f64],
    pub block: usize,
    pub blocks: &'a [f64],
}

impl Weighed<'_> {
    /// The sum of all probabilities: 1 up to rounding.
    fn norm(&self) -> f64 {
        self.blocks.iter().sum()
    }

    /// The probabilities of a block with the indices of its basis states.
    fn of_block(&self, number: usize) -> impl Iterator<Item = (usize, f64)> {
        let first = number * self.block;
        let after = (first + self.block).min(self.re.len());
        let re = self.re.get(first..after).unwrap_or_default();
        let im = self.im.get(first..after).unwrap_or_default();
        let probabilities = re.iter().zip(im).map(|(re, im)| re * re + im * im);
        (first..).zip(probabilities)
    }
}

/// Draws basis states of a statevector: calls back with each index drawn and its number of shots, until the callback
/// returns false.
pub(crate) fn sample(
    state: &Weighed<'_>,
    shots: u64,
    rng: &mut Xoshiro256PlusPlus,
    stop: &Stop,
    mut found: impl FnMut(usize, u64) -> bool,
) -> Result<(), Stopped> {
    if shots >= 64 * FEW as u64 && state.re.len() <= FEW {
        divide(state, shots, rng, &mut found);
        return Ok(());
    }
    let mut left = shots;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        let mut draws: Vec<u64> = (0..batch).map(|_| rng.next_u64() >> 11).collect();
        draws.sort_unstable();
        if !descend(state, &draws, stop, &mut found)? {
            break;
        }
    }
    Ok(())
}

/// Divides many shots among few basis states, one after another.
fn divide(
    state: &Weighed<'_>,
    shots: u64,
    rng: &mut Xoshiro256PlusPlus,
    found: &mut impl FnMut(usize, u64) -> bool,
) {
    let (mut left, mut weight) = (shots, state.norm());
    let mut last = 0;
    for (index, probability) in state.of_block(0) {
        if probability == 0.0 {
            continue;
        }
        last = index;
        // The last state takes all remaining shots: its probability is the remaining weight up to rounding.
        let times = if probability < weight * (1.0 - 1e-12) {
            binomial(rng, left, probability / weight)
        } else {
            left
        };
        weight -= probability;
        left -= times;
        if times > 0 && !found(index, times) {
            return;
        }
    }
    // Rounding of the weight can leave a shot.
    if left > 0 {
        found(last, left);
    }
}

/// Passes over the block sums once, with the sorted draws beside them, and over the probabilities of the blocks that
/// draws fall into.
fn descend(
    state: &Weighed<'_>,
    draws: &[u64],
    stop: &Stop,
    found: &mut impl FnMut(usize, u64) -> bool,
) -> Result<bool, Stopped> {
    /// 2⁻⁵³
    const UNIT: f64 = f64::EPSILON / 2.0;
    let norm = state.norm();
    #[allow(clippy::cast_precision_loss, reason = "draws have 53 bits")]
    let mut targets = draws
        .iter()
        .map(|draw| *draw as f64 * UNIT * norm)
        .peekable();
    // The sum of all previous blocks, and the last block that is not empty.
    let (mut before, mut last) = (0.0, 0);
    for (number, weight) in state.blocks.iter().enumerate() {
        if *weight == 0.0 {
            continue;
        }
        let after = before + weight;
        last = number;
        if targets.peek().is_some_and(|target| *target < after) {
            stop.check()?;
            let mut sum = before;
            let mut heaviest = (0, 0.0);
            for (index, probability) in state.of_block(number) {
                sum += probability;
                if probability > heaviest.1 {
                    heaviest = (index, probability);
                }
                let mut times = 0;
                while targets.next_if(|target| *target < sum.min(after)).is_some() {
                    times += 1;
                }
                if times > 0 && !found(index, times) {
                    return Ok(false);
                }
            }
            // Rounding can leave a draw between the two sums.
            let mut times = 0;
            while targets.next_if(|target| *target < after).is_some() {
                times += 1;
            }
            if times > 0 && !found(heaviest.0, times) {
                return Ok(false);
            }
        }
        before = after;
    }
    // Rounding can leave a draw above the sum.
    let times = targets.count() as u64;
    let likely = state
        .of_block(last)
        .max_by(|one, other| one.1.total_cmp(&other.1));
    Ok(times == 0 || likely.is_none_or(|(index, _)| found(index, times)))
}

/// Outcomes counted so far.
#[derive(Debug)]
pub(crate) struct Tally {
    counts: HashMap<Vec<u64>, u64>,
    /// The bits that the result shows. Outcomes that differ only in other bits are counted as one.
    shown: Vec<u64>,
    /// Bytes of each outcome, in memory and as text.
    outcome_bytes: u64,
    outcome_text_bytes: u64,
    memory_limit: u64,
}

impl Tally {
    /// An empty tally for the outcomes of a program.
    pub(crate) fn new(program: &Program, memory_limit: u64) -> Self {
        let words = program.bits.div_ceil(64);
        let mut shown = vec![0; words as usize];
        for (first, len) in program.registers.iter().flat_map(|slot| &slot.parts) {
            for bit in *first..first + len {
                if let Some(word) = shown.get_mut(bit as usize / 64) {
                    *word |= 1 << (bit % 64);
                }
            }
        }
        Self {
            counts: HashMap::new(),
            shown,
            // Each distinct outcome also becomes a text with a character for each bit.
            outcome_bytes: u64::from(words) * (8 + 64) + 64,
            outcome_text_bytes: program.outcome_bytes(),
            memory_limit,
        }
    }

    /// Removes all outcomes.
    pub(crate) fn clear(&mut self) {
        self.counts.clear();
    }

    /// Counts an outcome; an error if the result would exceed its limit of memory or of text.
    pub(crate) fn add(&mut self, mut outcome: Vec<u64>, times: u64) -> Result<(), String> {
        if times == 0 {
            return Ok(());
        }
        for (word, shown) in outcome.iter_mut().zip(&self.shown) {
            *word &= shown;
        }
        *self.counts.entry(outcome).or_insert(0) += times;
        let number = self.counts.len() as u64;
        let bounds = [
            ("memory", self.outcome_bytes, self.memory_limit),
            ("text", self.outcome_text_bytes, MAX_RESULT_TEXT_BYTES),
        ];
        for (what, each, limit) in bounds {
            let needed = each.saturating_mul(number);
            if needed > limit {
                return Err(format!(
                    "the result has {number} or more different outcomes, which need {needed} bytes of {what}; the limit is {limit} bytes"
                ));
            }
        }
        Ok(())
    }

    /// The counts by outcome text: registers last-declared first, each with bit 0 rightmost.
    pub(crate) fn counts(
        &self,
        registers: &[RegisterSlot],
        stop: &Stop,
    ) -> Result<BTreeMap<String, u64>, Stopped> {
        let mut counts = BTreeMap::new();
        for (number, (outcome, times)) in self.counts.iter().enumerate() {
            if number.is_multiple_of(1024) {
                stop.check()?;
            }
            *counts.entry(text(outcome, registers)).or_insert(0) += times;
        }
        Ok(counts)
    }
}

/// The text of an outcome: registers last-declared first, each with bit 0 rightmost.
pub(crate) fn text(outcome: &[u64], registers: &[RegisterSlot]) -> String {
    let mut text = String::new();
    for register in registers.iter().rev() {
        if !text.is_empty() {
            text.push(' ');
        }
        for (first, len) in register.parts.iter().rev() {
            for bit in (*first..first + len).rev() {
                let word = outcome.get(bit as usize / 64).copied().unwrap_or(0);
                text.push(if word >> (bit % 64) & 1 == 1 {
                    '1'
                } else {
                    '0'
                });
            }
        }
    }
    text
}

/// The outcome of every shot, in random order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShotMemory {
    outcomes: Vec<String>,
    shots: Vec<u32>,
}

impl ShotMemory {
    /// Assigns the counted outcomes to the shots.
    pub(crate) fn new(
        counts: &BTreeMap<String, u64>,
        rng: &mut Xoshiro256PlusPlus,
        stop: &Stop,
    ) -> Result<Self, Stopped> {
        let mut shots = Vec::new();
        for (number, times) in (0_u32..).zip(counts.values()) {
            stop.check()?;
            shots.extend((0..*times).map(|_| number));
        }
        for place in (1..shots.len()).rev() {
            if place.is_multiple_of(CHUNK) {
                stop.check()?;
            }
            shots.swap(place, below(rng, place as u64 + 1));
        }
        Ok(Self {
            outcomes: counts.keys().cloned().collect(),
            shots,
        })
    }

    /// The outcomes of one register by shot, as hexadecimal numbers such as `0x3`; `place` is its index in the order
    /// of declaration, of `registers` in all.
    pub fn of_register(&self, place: usize, registers: usize) -> impl Iterator<Item = String> {
        let written = registers.saturating_sub(place + 1);
        let numbers: Vec<String> = self
            .outcomes
            .iter()
            .map(|outcome| hexadecimal(outcome.split(' ').nth(written).unwrap_or_default()))
            .collect();
        let number = move |shot: &u32| numbers.get(*shot as usize).cloned().unwrap_or_default();
        self.shots.iter().map(number)
    }
}

/// A text of bits as a hexadecimal number without leading zeros.
fn hexadecimal(bits: &str) -> String {
    let significant = bits.trim_start_matches('0');
    if significant.is_empty() {
        return "0x0".to_owned();
    }
    let mut text = "0x".to_owned();
    let mut value = 0;
    for (place, bit) in (0..significant.len()).rev().zip(significant.chars()) {
        value = value << 1 | u32::from(bit == '1');
        if place.is_multiple_of(4) {
            text.extend(char::from_digit(value, 16));
            value = 0;
        }
    }
    text
}

/// A number below the bound (at most 2³²): the high half of a product; its bias is below 2⁻³².
fn below(rng: &mut Xoshiro256PlusPlus, bound: u64) -> usize {
    let product = u128::from(rng.next_u64()) * u128::from(bound);
    usize::try_from(product >> 64).unwrap_or(0)
}
