//! Clifford circuits: the tableau against the statevector, and what only a tableau can run.

use crate::ThreadBudget;
use crate::exec::{self, Method, Plan};
use crate::resources::stop::Stopped;
use crate::tests::statistics::against_sample;
use crate::tests::*;
use crate::{compile, sampling};
use rand::Rng;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

pub(crate) fn counts_by(
    method: Method,
    source: &str,
    shots: u32,
    seed: u64,
) -> BTreeMap<String, u64> {
    let stop = Stop::default();
    let request = Request {
        source,
        ..Request::default()
    };
    let program = compile::compile(&request, None, &stop).unwrap();
    let mut tally = sampling::Tally::new(&program, MEMORY_LIMIT);
    let plan = Plan {
        bindings: &[],
        strings: &[],
        threads: Arc::new(ThreadBudget::new(1)),
        method,
        shots,
        memory_limit: MEMORY_LIMIT,
        wanted: exec::Wanted::default(),
        stop: &stop,
    };
    let rng = sampling::generator(seed);
    exec::execute(&program, source, &plan, rng, &mut tally).unwrap();
    tally.counts(&program.registers, &stop).unwrap()
}

/// What stands between the gates of a circuit.
#[derive(Clone, Copy, PartialEq)]
enum Middle {
    Nothing,
    /// Measurements and resets.
    Measured,
    /// Conditions as well.
    Dynamic,
}

/// A random circuit of gates that are Clifford in all their spellings.
fn random_circuit(qubits: u64, steps: u64, middle: Middle, seed: u64) -> String {
    let mut dice = sampling::generator(seed);
    let mut below = |bound: u64| dice.next_u64() % bound;
    let one = [
        "x",
        "y",
        "z",
        "h",
        "s",
        "sdg",
        "sx",
        "sxdg",
        "rz(pi/2)",
        "rx(-pi/2)",
        "ry(pi)",
        "u3(pi/2, pi/2, pi)",
        "p(3*pi/2)",
        "pow(0.5) @ z",
        "inv @ s",
        "U(pi/2, 0, pi)",
    ];
    let two = [
        "cx",
        "cy",
        "cz",
        "swap",
        "cp(pi)",
        "crz(pi)",
        "negctrl @ x",
        "ctrl @ y",
        "iswap",
        "ecr",
        "dcx",
        "negctrl @ z",
        "cu(pi, 0, pi, pi/2)",
        "rzz(pi/2)",
        "mine",
    ];
    let mut source = format!(
        "gate mine a, b {{ h a; cx a, b; inv @ s b; }}\nqubit[{qubits}] q; bit[{qubits}] c; bit[3] m;\n"
    );
    for _ in 0..steps {
        let (a, shift) = (below(qubits), 1 + below(qubits - 1));
        let b = (a + shift) % qubits;
        let pick = |names: &[&'static str], number: u64| names[usize::try_from(number).unwrap()];
        let kinds = match middle {
            Middle::Nothing => 9,
            Middle::Measured => 11,
            Middle::Dynamic => 12,
        };
        match below(kinds) {
            0..4 => writeln!(source, "{} q[{a}];", pick(&one, below(one.len() as u64))),
            4..9 => writeln!(
                source,
                "{} q[{a}], q[{b}];",
                pick(&two, below(two.len() as u64))
            ),
            9 => writeln!(source, "m[{}] = measure q[{a}];", below(3)),
            10 => writeln!(source, "reset q[{a}];"),
            _ => writeln!(source, "if (m[{}]) {{ x q[{a}]; }}", below(3)),
        }
        .unwrap();
    }
    source.push_str("c = measure q;\n");
    source
}

fn compare(qubits: u64, steps: u64, middle: Middle, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let source = random_circuit(qubits, steps, middle, seed);
        let exact = counts_by(Method::Statevector, &source, 4000, 1);
        let counts = counts_by(Method::Stabilizer, &source, 4000, 2);
        assert_eq!(counts.values().sum::<u64>(), 4000, "{source}");
        let likely = against_sample(&counts, &exact);
        assert!(likely > 1e-6, "{likely}\n{source}\n{counts:?}\n{exact:?}");
        // Outcomes of a stabilizer state are few or many alike: none is rare in one method alone.
        if middle == Middle::Nothing && exact.len() <= 64 {
            assert!(counts.keys().eq(exact.keys()), "{source}");
        }
    }
}

#[test]
fn random_clifford_circuits_agree_with_the_statevector() {
    compare(3, 25, Middle::Nothing, 0..40);
    compare(6, 60, Middle::Nothing, 100..130);
}

#[test]
fn random_dynamic_clifford_circuits_agree_with_the_statevector() {
    compare(3, 30, Middle::Dynamic, 200..240);
    compare(5, 50, Middle::Dynamic, 300..320);
    compare(3, 30, Middle::Measured, 400..440);
    compare(5, 60, Middle::Measured, 500..530);
}

/// Rounds of parity checks along a chain: each with an ancilla that is reset, entangled and measured.
fn parity_checks(checks: usize, rounds: usize) -> String {
    let (chain, last) = (checks + 1, checks - 1);
    let mut source = format!("qubit[{chain}] q; qubit[{checks}] a; bit[{chain}] c;\n");
    for round in 0..rounds {
        writeln!(
            source,
            "bit[{checks}] s{round}; reset a; h a;
             for int k in [0:{last}] {{ cx a[k], q[k]; cx a[k], q[k + 1]; }}
             h a; s{round} = measure a;"
        )
        .unwrap();
    }
    source + "c = measure q;\n"
}

#[test]
fn measured_and_reset_ancillas_cost_one_run_and_repeat_their_outcomes() {
    let source = parity_checks(40, 12);
    let began = worked();
    let counts = counts_by(Method::Stabilizer, &source, 20_000, 5);
    let took = worked().checked_sub(began).unwrap();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(counts.len() > 19_900, "{}", counts.len());
    for outcome in counts.keys() {
        let rounds: Vec<&str> = outcome.split(' ').take(12).collect();
        assert!(
            rounds.windows(2).all(|pair| pair[0] == pair[1]),
            "{outcome}"
        );
    }
}

#[test]
fn exact_probabilities_exist_where_outcomes_in_the_middle_are_put_off() {
    let source = parity_checks(8, 3);
    let request = Request {
        source: &source,
        shots: 100,
        probabilities: true,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    let output = run(&request, &Stop::default()).unwrap();
    assert_eq!(output.method, "stabilizer");
    let probabilities = output.probabilities.unwrap();
    // The checks commute with each other and are random; the chain has one free bit besides.
    assert!(
        probabilities
            .values()
            .all(|one| (one - probabilities.values().next().unwrap()).abs() < 1e-12)
    );
    assert!((probabilities.values().sum::<f64>() - 1.0).abs() < 1e-9);
    let keys: std::collections::BTreeSet<&str> = probabilities
        .keys()
        .map(|key| key.split(' ').next().unwrap())
        .collect();
    assert_eq!(keys.len(), 256);
}

#[test]
fn more_measurements_than_can_be_put_off_are_decided_instead() {
    let source = "qubit[12] q; bit[12] c; h q;
                  for int k in [0:4200] { h q[0]; cx q[0], q[1]; reset q[0]; }
                  c = measure q;";
    let counts = counts_by(Method::Stabilizer, source, 64, 1);
    assert_eq!(counts.values().sum::<u64>(), 64);
    for bit in 1..12 {
        let ones = counts
            .iter()
            .filter(|(outcome, _)| outcome.as_bytes()[11 - bit] == b'1');
        let ones: u64 = ones.map(|(_, times)| times).sum();
        assert!((8..56).contains(&ones), "{ones} times 1 in bit {bit}");
    }
    assert!(counts.keys().all(|outcome| outcome.ends_with('0')));
}

#[test]
fn the_method_follows_the_gates_and_the_number_of_qubits() {
    for (source, method) in [
        ("qubit[11] q; h q; cx q[0], q[10];", "stabilizer"),
        ("qubit[10] q; h q; cx q[0], q[9];", "statevector"),
        ("qubit[11] q; h q; t q[3];", "statevector"),
        (
            "qubit[11] q; bit m; h q; m = measure q[0]; if (m) { rx(0.1) q[3]; }",
            "statevector",
        ),
        (
            "qubit[11] q; bit m; h q; m = measure q[0]; if (m) { rx(-pi) q[3]; }",
            "stabilizer",
        ),
        (
            "qubit[11] q; h q; for int i in [1:2] { rz(i * pi / 2) q[i]; }",
            "stabilizer",
        ),
        (
            "qubit[11] q; h q; int n = 2; for int i in [1:n] { rz(i * pi / 2) q[i]; }",
            "statevector",
        ),
        (
            "gate g(a) x { rx(a) x; } qubit[11] q; h q; g(pi / 2) q[0];",
            "stabilizer",
        ),
        (
            "gate g(a) x { rx(a) x; } qubit[11] q; h q; g(pi / 3) q[0];",
            "statevector",
        ),
    ] {
        assert_eq!(simulate(source, 1).unwrap().method, method, "{source}");
    }
}

#[test]
fn a_thousand_qubits_in_one_entangled_state_agree_in_every_shot() {
    let source = "qubit[1000] q; h q[0]; for int i in [0:998] { cx q[i], q[i + 1]; }";
    let output = simulate(source, 1000).unwrap();
    let keys: Vec<String> = output.counts.keys().cloned().collect();
    assert_eq!(keys, ["0".repeat(1000), "1".repeat(1000)]);
    let zeros = output.counts[&keys[0]];
    assert!((400..600).contains(&zeros), "{zeros}");
}

#[test]
fn a_circuit_and_its_inverse_on_hundreds_of_qubits_give_back_the_input() {
    let there = random_circuit(300, 3000, Middle::Nothing, 5);
    let gates: Vec<&str> = there
        .lines()
        .skip(2)
        .filter(|line| !line.starts_with('c') || !line.contains('='))
        .collect();
    let mut source =
        "gate mine a, b { h a; cx a, b; inv @ s b; }\nqubit[300] q; x q[7];\n".to_owned();
    for gate in &gates {
        writeln!(source, "{gate}").unwrap();
    }
    for gate in gates.iter().rev() {
        writeln!(source, "inv @ {gate}").unwrap();
    }
    let output = simulate(&source, 50).unwrap();
    let expected = format!("{}1{}", "0".repeat(292), "0".repeat(7));
    assert_eq!(output.counts, BTreeMap::from([(expected, 50)]));
    assert_eq!(output.method, "stabilizer");
}

#[test]
fn a_state_is_carried_along_a_chain_by_measurement_and_correction() {
    // Teleports q[0] = |1⟩ a hundred times; each step needs two random outcomes.
    let source = "qubit[201] q; bit a; bit b; bit o; x q[0];
        for int i in [0:99] {
            h q[2*i+1]; cx q[2*i+1], q[2*i+2]; cx q[2*i], q[2*i+1]; h q[2*i];
            a = measure q[2*i+1]; if (a) { x q[2*i+2]; }
            b = measure q[2*i]; if (b) { z q[2*i+2]; }
        }
        o = measure q[200];";
    let output = simulate(source, 20).unwrap();
    assert_eq!(output.method, "stabilizer");
    assert!(output.counts.keys().all(|key| key.starts_with('1')));
}

#[test]
fn a_tableau_over_the_memory_limit_is_refused_with_qubits_and_bytes() {
    let source = "qubit[4000] q; h q[0]; for int i in [0:3998] { cx q[i], q[i + 1]; }";
    let request = Request {
        source,
        shots: 1,
        seed: Some(7),
        memory: false,
        memory_limit_bytes: 1 << 20,
        ..Request::default()
    };
    let Err(SimulatorError::ResourceLimit { message }) = run(&request, &Stop::default()) else {
        panic!("expected a resource limit");
    };
    assert!(message.contains("stabilizer tableau needs"), "{message}");
    assert!(message.contains("the limit is 1048576 bytes"), "{message}");
}

#[test]
fn a_large_tableau_stops_at_the_deadline() {
    let source =
        "qubit[20000] q; bit[20000] c; h q; cz q[0:9999], q[10000:19999]; h q; c = measure q;";
    let request = Request {
        source,
        shots: 100,
        seed: Some(7),
        memory: false,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    let started = Instant::now();
    let stop = Stop::new(Some(started + Duration::from_millis(300)));
    let error = run(&request, &stop).unwrap_err();
    assert_eq!(error, SimulatorError::Stopped(Stopped::DeadlineExceeded));
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_circuit_of_a_hundred_qubits_may_be_one_gate() {
    let names: Vec<String> = (0..100).map(|qubit| format!("a{qubit}")).collect();
    let mut body = String::new();
    for pair in names.windows(2) {
        write!(body, "cx {}, {}; ", pair[0], pair[1]).unwrap();
    }
    let (all, places) = (
        names.join(", "),
        (0..100).map(|qubit| format!("q[{qubit}]")),
    );
    let operands: Vec<String> = places.rev().collect();
    let source = format!(
        "OPENQASM 3; gate chain(t) {all} {{ rx(t / 2) a0; {body} }} gate outer(t) {all} {{ chain(2 * t) {all}; z a99; }}
        qubit[100] q; bit[100] c; outer(pi) {}; c = measure q;",
        operands.join(", ")
    );
    let output = simulate(&source, 50).unwrap();
    assert_eq!(output.method, "stabilizer");
    assert_eq!(output.counts.keys().collect::<Vec<_>>(), [&"1".repeat(100)]);
}
