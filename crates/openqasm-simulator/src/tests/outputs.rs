//! What a request can ask for beside the counts.

use crate::tests::*;
use std::collections::BTreeMap;
use std::f64::consts::FRAC_1_SQRT_2;

fn all_outputs(source: &str, shots: u32) -> Output {
    let request = Request {
        source,
        shots,
        seed: Some(3),
        memory: true,
        memory_limit_bytes: MEMORY_LIMIT,
        probabilities: true,
        statevector: true,
        ..Request::default()
    };
    run(&request, &Stop::default()).unwrap_or_else(|error| panic!("{source}\n{error}"))
}

fn with_probabilities(source: &str) -> Output {
    let request = Request {
        source,
        shots: 1,
        memory_limit_bytes: MEMORY_LIMIT,
        probabilities: true,
        ..Request::default()
    };
    run(&request, &Stop::default()).unwrap()
}

fn assert_probabilities(source: &str, expected: &[(&str, f64)]) {
    let found = with_probabilities(source).probabilities.unwrap();
    let keys = expected.iter().map(|(key, _)| *key);
    assert!(found.keys().map(String::as_str).eq(keys), "{found:?}");
    for ((key, found), (_, expected)) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{key}: {found}");
    }
}

#[test]
fn shots_are_listed_by_register_as_hexadecimal_numbers() {
    let source = "qubit[6] q; bit[5] a; bit b; x q[0]; x q[4]; h q[5]; a = measure q[0:4]; b = measure q[5];";
    let output = all_outputs(source, 50);
    let memory = output.memory.unwrap();
    assert_eq!(memory.of_register(0, 2).count(), 50);
    assert!(memory.of_register(0, 2).all(|sample| sample == "0x11"));
    let seen = |wanted| {
        memory
            .of_register(1, 2)
            .filter(|sample| sample == wanted)
            .count() as u64
    };
    let expected = [("0 10001", seen("0x0")), ("1 10001", seen("0x1"))];
    let expected = expected.map(|(key, count)| (key.to_owned(), count));
    assert_eq!(output.counts, BTreeMap::from(expected));
}

#[test]
fn a_wide_register_is_one_long_number() {
    let source = "qubit[130] q; bit[130] c; x q[129]; x q[4]; c = measure q;";
    let memory = all_outputs(source, 2).memory.unwrap();
    let expected = format!("0x2{}10", "0".repeat(30));
    assert_eq!(
        memory.of_register(0, 1).collect::<Vec<_>>(),
        [&*expected, &*expected]
    );
}

#[test]
fn probabilities_are_exact_and_by_the_texts_of_the_counts() {
    assert_probabilities(
        "qubit[3] q; bit a; bit[2] b; ry(pi/3) q[0]; cx q[0], q[2]; a = measure q[0]; b[1] = measure q[2];",
        &[("00 0", 0.75), ("10 1", 0.25)],
    );
    // What is not measured is not told apart.
    let source = "qubit[2] q; bit c; h q; c = measure q[0];";
    assert_probabilities(source, &[("0", 0.5), ("1", 0.5)]);
}

#[test]
fn probabilities_of_a_tableau_are_those_of_its_outcomes() {
    let source = "qubit[100] q; bit[2] c; h q[0]; cx q[0], q[1:99]; c[0] = measure q[3]; c[1] = measure q[4];";
    assert_eq!(with_probabilities(source).method, "stabilizer");
    assert_probabilities(source, &[("00", 0.5), ("11", 0.5)]);
}

#[test]
fn the_statevector_counts_qubits_as_they_are_declared() {
    let source = "qubit[2] a; qubit b; x b; h a[0]; s a[0]; swap a[0], a[1];";
    let state = all_outputs(source, 10).statevector.unwrap();
    assert_eq!(state.len(), 8);
    // b = 1 is the highest bit; after the swap it is a[1] that is in superposition.
    for (index, amplitude) in state.iter().enumerate() {
        let expected = match index {
            0b100 => [FRAC_1_SQRT_2, 0.0],
            0b110 => [0.0, FRAC_1_SQRT_2],
            _ => [0.0, 0.0],
        };
        for (found, expected) in amplitude.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{index}: {amplitude:?}");
        }
    }
}

#[test]
fn what_does_not_exist_is_missing_and_a_note_says_why() {
    let source = "qubit q; bit c; bit d; h q; c = measure q; h q; d = measure q;";
    let middle = all_outputs(source, 100);
    assert_eq!((middle.probabilities, middle.statevector), (None, None));
    assert_eq!(middle.notes.len(), 2);
    for note in middle.notes {
        assert!(note.contains("random outcome before its end"), "{note}");
    }
    let wide = all_outputs("qubit[17] q; h q; t q;", 100);
    assert_eq!((wide.probabilities, wide.statevector), (None, None));
    let [first, second] = &wide.notes[..] else {
        panic!("{:?}", wide.notes);
    };
    assert!(first.contains("more than 65536 outcomes"), "{first}");
    assert!(second.contains("declares 17 qubits"), "{second}");
    // A certain outcome in the middle disturbs nothing.
    let certain = all_outputs("qubit q; bit c; x q; c = measure q; if (c) { h q; }", 100);
    assert_eq!(certain.notes, Vec::<String>::new());
    assert_eq!(certain.statevector.map(|state| state.len()), Some(2));
}
