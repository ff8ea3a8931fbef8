//! Makes mutants of programs: blindly by characters, and by words and statements, so that more of
//! them get past the parser.

use crate::sampling::generator;
use crate::tests::fuzz::pieces::{EXTREMES, FRAMES, OPERATORS, PIECES};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::ops::Range;

/// Longest mutant in bytes: mutants of mutants grow no further than this.
const LONGEST: usize = 20_000;

/// A program to make mutants of.
pub(crate) struct Original {
    text: String,
    /// Where its outermost statements are.
    statements: Vec<Range<usize>>,
    /// Where its words are: runs of letters, digits, underscores and points.
    words: Vec<Range<usize>>,
}

impl Original {
    pub(crate) fn new(text: String) -> Self {
        Self {
            statements: statements(&text),
            words: words(&text),
            text,
        }
    }
}

/// The outermost statements of a text, as far as braces and semicolons tell.
fn statements(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(byte, b';' | b'}') {
            found.push(start..at + 1);
            start = at + 1;
        }
    }
    found
}

fn words(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut start) = (Vec::new(), None);
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        let is_part = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        match (is_part, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// Draws; the same seed makes the same mutant of the same originals.
struct Dice(Xoshiro256PlusPlus);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % bound.max(1) as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    fn word(&mut self, list: &[&'static str]) -> &'static str {
        list[self.below(list.len())]
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// A few characters, or none.
    fn span(&mut self, text: &str) -> Range<usize> {
        let start = self.place(text);
        let mut end = (start + self.below(12)).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }
}

/// The mutant of that seed.
pub(crate) fn mutant(originals: &[Original], seed: u64) -> String {
    let mut dice = Dice(generator(seed));
    let original = dice.pick(originals);
    let mut text = original.text.clone();
    for _ in 0..*dice.pick(&[1, 1, 1, 2, 2, 3, 4]) {
        // Afterwards statements and words are elsewhere.
        let current = Original::new(text.clone());
        match dice.below(10) {
            0..3 => characters(&mut text, &mut dice),
            3..6 => of_words(&mut text, &current, &mut dice),
            _ => {
                let donor = dice.pick(originals);
                of_statements(&mut text, &current, donor, &mut dice);
            }
        }
        if text.len() > LONGEST {
            break;
        }
    }
    text
}

fn characters(text: &mut String, dice: &mut Dice) {
    let span = dice.span(text);
    match dice.below(4) {
        0 => drop(text.drain(span)),
        1 => text.insert_str(span.start, dice.word(&PIECES)),
        2 => text.replace_range(span, dice.word(&PIECES)),
        _ => {
            let copied = text[span].to_owned();
            let at = dice.place(text);
            text.insert_str(at, &copied);
        }
    }
}

fn of_words(text: &mut String, current: &Original, dice: &mut Dice) {
    if current.words.is_empty() {
        return;
    }
    let starts_a_number = |word: &&Range<usize>| text.as_bytes()[word.start].is_ascii_digit();
    let numbers = current.words.iter().filter(starts_a_number);
    let numbers: Vec<Range<usize>> = numbers.cloned().collect();
    match dice.below(4) {
        0 | 1 if !numbers.is_empty() => {
            text.replace_range(dice.pick(&numbers).clone(), dice.word(&EXTREMES));
        }
        2 => {
            let operators = text.match_indices(['+', '-', '*', '/', '%', '<', '>', '=', '&', '|']);
            let places: Vec<usize> = operators.map(|(at, _)| at).collect();
            if !places.is_empty() {
                let at = *dice.pick(&places);
                text.replace_range(at..=at, dice.word(&OPERATORS));
            }
        }
        // One name for another: of the wrong type, not declared yet, or out of its scope.
        _ => {
            let other = text[dice.pick(&current.words).clone()].to_owned();
            text.replace_range(dice.pick(&current.words).clone(), &other);
        }
    }
}

fn of_statements(text: &mut String, current: &Original, donor: &Original, dice: &mut Dice) {
    if current.statements.is_empty() || donor.statements.is_empty() {
        return;
    }
    let place = dice.pick(&current.statements).clone();
    let own = text[place.clone()].to_owned();
    let other = &donor.text[dice.pick(&donor.statements).clone()];
    match dice.below(7) {
        0 => text.replace_range(place, other),
        1 => text.insert_str(place.end, other),
        2 => text.insert_str(place.end, &own.repeat(1 + dice.below(4))),
        3 => text.replace_range(place, ""),
        4 => {
            let elsewhere = dice.pick(&current.statements).start;
            text.insert_str(elsewhere, &own);
        }
        5 => {
            let (before, after) = dice.pick(&FRAMES);
            text.replace_range(place, &format!("{before}{own}{after}"));
        }
        // The beginning of one program and the end of another.
        _ => {
            let from = dice.pick(&donor.statements).start;
            text.replace_range(place.end.., &donor.text[from..]);
        }
    }
}

#[test]
fn a_seed_makes_the_same_mutant_again_and_another_seed_another() {
    let originals = [
        Original::new("qubit q; gate g a { x a; } g q; rx(1.5) q;".to_owned()),
        Original::new("bit c; if (c) { c = 1; } // é\n".to_owned()),
    ];
    let statements: Vec<&str> = originals[0]
        .statements
        .iter()
        .map(|place| &originals[0].text[place.clone()])
        .collect();
    assert_eq!(
        statements,
        ["qubit q;", " gate g a { x a; }", " g q;", " rx(1.5) q;"]
    );
    let made =
        |seeds: Range<u64>| -> Vec<String> { seeds.map(|seed| mutant(&originals, seed)).collect() };
    assert_eq!(made(0..500), made(0..500));
    let mut different = made(0..500);
    different.sort();
    different.dedup();
    assert!(different.len() > 400, "{} of 500", different.len());
}
