//! The same program run in different ways: by tableau and by statevector, all shots together and one by one,
//! with gates fused and apart, with much memory and with little.

use crate::exec::Method;
use crate::sampling::generator;
use crate::tests::MEMORY_LIMIT;
use crate::tests::stabilizer::counts_by;
use crate::tests::statistics::against_sample;
use crate::{Output, Request, Stop, run};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeMap;
use std::fmt::Write;

const CLIFFORD: [&str; 14] = [
    "h {a};",
    "s {a};",
    "sx {a};",
    "x {a};",
    "cx {a}, {b};",
    "cz {a}, {b};",
    "cy {a}, {b};",
    "swap {a}, {b};",
    "ecr {a}, {b};",
    "iswap {a}, {b};",
    "m[{bit}] = measure {a};",
    "reset {a};",
    "if (m[{bit}]) { x {a}; cz {a}, {b}; }",
    "if (m == {value}) { h {a}; } else { s {a}; }",
];
const ANY: [&str; 14] = [
    "h {a};",
    "t {a};",
    "rx({angle}) {a};",
    "ry({angle}) {a};",
    "u3({angle}, {value}, 0.3) {a};",
    "cx {a}, {b};",
    "crz({angle}) {a}, {b};",
    "cswap {a}, {b}, {c};",
    "ccx {a}, {b}, {c};",
    "rzz({angle}) {a}, {b};",
    "m[{bit}] = measure {a};",
    "reset {a};",
    "if (m[{bit}]) { ry({angle}) {a}; cx {a}, {b}; }",
    "for int i in [0:{bit}] { rx(i) {a}; if (m == i) { cx {a}, {c}; } }",
];
/// So many of the first ones measure nothing and look at nothing.
const GATES: usize = 10;

struct Dice(Xoshiro256PlusPlus);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % bound as u64).unwrap()
    }

    /// A random statement.
    fn statement(&mut self, patterns: &[&str], qubits: usize) -> String {
        let (a, shift) = (self.below(qubits), self.below(qubits - 2));
        let operand = |offset: usize| format!("q[{}]", (a + offset) % qubits);
        patterns[self.below(patterns.len())]
            .replace("{a}", &operand(0))
            .replace("{b}", &operand(1 + shift))
            .replace("{c}", &operand(2 + shift))
            .replace("{bit}", &self.below(3).to_string())
            .replace("{value}", &self.below(8).to_string())
            .replace("{angle}", &format!("0.{}", 1 + self.below(900)))
    }

    /// A random program: statements, each followed by `between`, and four qubits measured at the end.
    fn program(&mut self, patterns: &[&str], qubits: usize, steps: usize, between: &str) -> String {
        let mut source = format!("qubit[{qubits}] q; qubit calm; bit[3] m; bit[4] c; bit sure;\n");
        for _ in 0..steps {
            let statement = self.statement(patterns, qubits);
            writeln!(source, "{statement} {between}").unwrap();
        }
        let from = self.below(qubits - 3);
        writeln!(source, "c = measure q[{from}:{}];", from + 3).unwrap();
        source
    }
}

fn output(source: &str, shots: u32, seed: u64, memory_limit_bytes: u64) -> Output {
    let request = Request {
        source,
        shots,
        seed: Some(seed),
        memory_limit_bytes,
        probabilities: true,
        ..Request::default()
    };
    run(&request, &Stop::default()).unwrap_or_else(|error| panic!("{error}\n{source}"))
}

fn assert_alike(one: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>, source: &str) {
    let likely = against_sample(one, other);
    assert!(likely > 1e-6, "p = {likely}\n{source}\n{one:?}\n{other:?}");
}

#[test]
fn tableau_and_statevector_agree_on_clifford_programs_of_11_to_14_qubits() {
    for seed in 0..12 {
        let mut dice = Dice(generator(seed));
        let qubits = 11 + dice.below(4);
        let patterns = if seed % 3 == 0 { GATES } else { CLIFFORD.len() };
        let source = dice.program(&CLIFFORD[..patterns], qubits, 70, "");
        let amplitudes = counts_by(Method::Statevector, &source, 2000, 1);
        let tableau = counts_by(Method::Stabilizer, &source, 2000, 2);
        assert_alike(&amplitudes, &tableau, &source);
    }
}

#[test]
fn outcomes_by_branches_are_those_of_shots_run_one_by_one() {
    for seed in 0..10 {
        let mut dice = Dice(generator(100 + seed));
        let qubits = 4 + dice.below(2);
        let source = dice.program(&ANY, qubits, 20, "");
        let together = output(&source, 3000, 1, MEMORY_LIMIT).counts;
        let mut apart = BTreeMap::new();
        for shot in 0..600 {
            for key in output(&source, 1, 1000 + shot, MEMORY_LIMIT)
                .counts
                .into_keys()
            {
                *apart.entry(key).or_insert(0) += 1;
            }
        }
        assert_alike(&together, &apart, &source);
    }
}

#[test]
fn fused_gates_have_the_probabilities_of_gates_applied_one_by_one() {
    // To look at an outcome, even at one that is certain, all gates before it must have been applied.
    const LOOK: &str = "sure = measure calm; if (sure) { x calm; }";
    for seed in 0..10 {
        let program = |between| {
            let mut dice = Dice(generator(200 + seed));
            let qubits = 8 + dice.below(4);
            dice.program(&ANY[..GATES], qubits, 60, between)
        };
        let fused = output(&program(""), 1, 1, MEMORY_LIMIT)
            .probabilities
            .unwrap();
        let apart = output(&program(LOOK), 1, 1, MEMORY_LIMIT)
            .probabilities
            .unwrap();
        for (key, probability) in &fused {
            let other = apart.get(key).copied().unwrap_or(0.0);
            assert!(
                (probability - other).abs() < 1e-10,
                "{key}\n{}",
                program("")
            );
        }
        assert!((apart.values().sum::<f64>() - 1.0).abs() < 1e-10);
    }
}

#[test]
fn the_memory_limit_changes_no_count() {
    for seed in 0..10 {
        let mut dice = Dice(generator(300 + seed));
        let qubits = 6 + dice.below(3);
        let source = dice.program(&ANY, qubits, 30, "");
        let state = 16 << (qubits + 1);
        let generous = output(&source, 300, 5, MEMORY_LIMIT).counts;
        for limit in [1 << 20, 4 * state, 2 * state] {
            let tight = output(&source, 300, 5, limit.max(16 << 9)).counts;
            assert_eq!(tight, generous, "{limit} bytes\n{source}");
        }
    }
}
