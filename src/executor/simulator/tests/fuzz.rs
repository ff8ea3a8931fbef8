//! Damaged circuits: whatever happens, nothing panics and all ends.

use super::super::sampling::generator;
use super::super::{Request, Stop, run};
use super::corpus;
use rand::Rng;
use std::time::{Duration, Instant};

/// Pieces that are likely to be nearly right somewhere.
const PIECES: [&str; 40] = [
    ";",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    "@",
    "->",
    "=",
    "0",
    "-1",
    "3",
    "1e308",
    "9999999999999999999",
    "q",
    "q[0]",
    "c",
    "c[1]",
    "if (c) ",
    "else ",
    "while (c[0]) ",
    "for int i in [0:3] ",
    "measure q;",
    "reset q;",
    "ctrl @ ",
    "inv @ ",
    "pow(0.5) @ ",
    "negctrl(2) @ ",
    "gate g a { h a; } ",
    "bit[2] z;",
    "int i = 3;",
    "i",
    "x q;",
    "cx q, q;",
    "let a = q[0:1];",
    "\"01\"",
    "pi/",
    "break;",
];

#[test]
fn damaged_circuits_never_panic() {
    let originals: Vec<String> = ["ok", "invalid", "hostile"]
        .iter()
        .flat_map(|kind| corpus(kind))
        .map(|(_, text)| text)
        .collect();
    let mut rng = generator(2024);
    let mut pick = |bound: usize| usize::try_from(rng.next_u64() % bound.max(1) as u64).unwrap();
    let (mut ran, mut refused) = (0, 0);
    for _ in 0..4000 {
        let mut text: Vec<char> = originals[pick(originals.len())].chars().collect();
        for _ in 0..=pick(2) {
            let at = pick(text.len());
            let end = (at + pick(12)).min(text.len());
            match pick(4) {
                0 => drop(text.drain(at..end)),
                1 => drop(text.splice(at..at, PIECES[pick(PIECES.len())].chars())),
                2 => drop(text.splice(at..end, PIECES[pick(PIECES.len())].chars())),
                _ => {
                    let copied = text[at..end].to_vec();
                    let place = pick(text.len());
                    drop(text.splice(place..place, copied));
                }
            }
        }
        let source: String = text.into_iter().collect();
        let started = Instant::now();
        let request = Request {
            source: &source,
            shots: 8,
            seed: Some(1),
            memory: true,
            memory_limit_bytes: 1 << 20,
        };
        match run(
            &request,
            &Stop::new(Some(started + Duration::from_millis(500))),
        ) {
            Ok(output) => {
                assert_eq!(output.counts.values().sum::<u64>(), 8, "{source}");
                ran += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{source}");
    }
    assert!(ran > 100 && refused > 100, "{ran} ran, {refused} refused");
}
