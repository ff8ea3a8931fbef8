//! Damaged circuits: whatever happens, nothing panics and all ends.

use super::super::sampling::generator;
use super::super::survey::{MistakeCode, survey};
use super::super::{Output, Request, SimulatorError, Stop, run};
use super::corpus;
use rand::Rng;
use serde_json::{Map, json};
use std::time::{Duration, Instant};

/// Pieces that are likely to be nearly right somewhere.
const PIECES: [&str; 70] = [
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
    "def f(qubit a) -> bit { return measure a; } ",
    "f(q[0]);",
    "c[0] = f(q[0]);",
    "return 1;",
    "return measure q;",
    "def g(int n) -> int { return n + 1; } ",
    "g(g(1))",
    "array[int[8], 3] m = {1, 2, 3};",
    "m[i]",
    "m[0:1]",
    "let m2 = m[1:2];",
    "sizeof(m)",
    "readonly array[int[8], #dim = 1] m",
    "mutable ",
    "angle[8] t = pi;",
    "t[3]",
    "t * 2",
    "input float w;",
    "output ",
    "let b = c[0:1] ++ c[2];",
    "for bit b in c { ",
    "rotl(c, 1)",
    "complex ",
    "#dim",
    "i[0:2] = \"101\";",
    "m[1][2]",
    "gate l a { for int k in [0:3] { x a; } } ",
    " -> ",
    "-1:",
    "{1, {2}}",
];

/// Whole programs of what the corpus has little of.
const SEEDS: [&str; 5] = [
    "OPENQASM 3; input float w; input int n; qubit[2] q; bit[2] c; rx(w * n) q[0]; c = measure q;",
    "OPENQASM 3; def f(qubit[2] a, int n) -> bit[2] { for int i in [0:n] { x a[i % 2]; if (i == 1) { return measure a; } } bit[2] b = \"01\"; return b; }
        def g(qubit a) -> bool { h a; return measure a; }
        qubit[3] q; bit[2] c; c = f(q[0:1], 2); while (g(q[2])) { } if (c == 1 && g(q[0])) { x q; } c[0] = measure q[0];",
    "OPENQASM 3; array[int[8], 2, 3] m = {{1, 2, 3}, {4, 5, 6}}; array[float, 2] t; def s(mutable array[int[8], #dim = 2] a, readonly array[float, 2] b) -> int { a[0, 1] += 1; for int e in a[1] { a[0][0] = e; } return sizeof(a, 1) + a[0][1]; }
        qubit[3] q; int i = 1; m[i][2] = s(m, t); t[0] = pi; let p = m[0:1]; rx(t[i - 1]) q[m[0, 0] % 3];",
    "OPENQASM 3; angle[8] t = pi / 2; uint[8] n = 6; n[0:1] = \"11\"; t[7] = n[2]; qubit[2] q; bit[4] c; let a = c[0:1] ++ c[3]; rx(t * 2) q[0]; a[0:1] = measure q; a[2] = n[3]; if (rotl(c, 1) == \"0110\") { x q; }",
    "OPENQASM 3; gate l(w) a, b { for int k in [1:3] { rx(w / k) a; pow(k) @ cx a, b; } } qubit[2] q; output bit[2] c; l(pi) q[0], q[1]; for bit b in c { if (b) { x q; } } c = measure q;",
];

#[test]
fn damaged_circuits_never_panic() {
    let originals: Vec<String> = ["ok", "invalid", "hostile"]
        .iter()
        .flat_map(|kind| corpus(kind))
        .map(|(_, text)| text)
        .chain((0..12).flat_map(|_| SEEDS.map(str::to_owned)))
        .collect();
    let inputs = json!({"w": 0.5, "n": 2});
    let none = Map::new();
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
            parameters: if source.contains("input float w") {
                inputs.as_object()
            } else {
                Some(&none)
            },
            memory: true,
            memory_limit_bytes: 1 << 20,
            ..Request::default()
        };
        let stop = Stop::new(Some(started + Duration::from_millis(500)));
        let result = run(&request, &stop);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(5), "{source}");
        assert_survey_agrees(&request, &result);
        match result {
            Ok(output) => {
                assert_eq!(output.counts.values().sum::<u64>(), 8, "{source}");
                ran += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(ran > 100 && refused > 100, "{ran} ran, {refused} refused");
}

/// What runs is not refused, and what is exact and refused does not run.
fn assert_survey_agrees(request: &Request<'_>, result: &Result<Output, SimulatorError>) {
    let source = request.source;
    let stop = Stop::new(Some(Instant::now() + Duration::from_secs(4)));
    let Ok(verdict) = survey(request, &stop) else {
        return;
    };
    let is_exact = (verdict.survey.as_ref())
        .is_some_and(|survey| survey.counts_are_exact && survey.depth_is_exact);
    let is_wrong = (verdict.errors.iter()).any(|it| it.code == MistakeCode::InvalidCircuit);
    match result {
        Ok(output) => {
            // Of a way that was not gone nothing is known.
            assert!(
                verdict.valid || !is_exact && !is_wrong,
                "{source}\n{verdict:?}"
            );
            let method = verdict.survey.and_then(|survey| survey.method);
            assert!(
                method.is_none_or(|method| method == output.method),
                "{source}"
            );
        }
        Err(SimulatorError::Stopped(_)) => {}
        Err(error) => {
            let told = error.to_string();
            let is_late = ["outcomes", "pow", "exponent", "gates", "statements"];
            let is_late = is_late.iter().any(|word| told.contains(word));
            assert!(!verdict.valid || !is_exact || is_late, "{source}\n{error}");
        }
    }
}
