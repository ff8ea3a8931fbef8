//! Expectations of observables: against dense matrices, as tableaus, over branches, from shots.

use crate::tests::MEMORY_LIMIT;
use crate::{Observable, Output, PauliTerm, Request, SimulatorError, Stop, ThreadBudget, run};
use std::fmt::Write;
use std::sync::Arc;

type Amplitude = [f64; 2];

fn sum_of(terms: &[(f64, &str)]) -> Observable {
    let terms = terms.iter().map(|(coeff, pauli)| PauliTerm {
        pauli: (*pauli).to_owned(),
        coeff: *coeff,
    });
    Observable {
        terms: terms.collect(),
    }
}

fn try_expect(
    source: &str,
    observables: &[Observable],
    shots: u32,
) -> Result<Output, SimulatorError> {
    let request = Request {
        source,
        shots,
        seed: Some(7),
        observables,
        statevector: shots == 0,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    run(&request, &Stop::default())
}

fn values(source: &str, paulis: &[&str], shots: u32) -> Vec<f64> {
    let observables: Vec<Observable> = paulis.iter().map(|pauli| sum_of(&[(1.0, pauli)])).collect();
    let output = try_expect(source, &observables, shots).unwrap();
    output
        .expectations
        .iter()
        .map(|expectation| expectation.value)
        .collect()
}

fn assert_values(source: &str, expected: &[(&str, f64)]) {
    let paulis: Vec<&str> = expected.iter().map(|(pauli, _)| *pauli).collect();
    for (value, (pauli, expected)) in values(source, &paulis, 0).iter().zip(expected) {
        assert!(
            (value - expected).abs() < 1e-12,
            "{pauli}: {value}\n{source}"
        );
    }
}

/// The product of one row of a dense 2 × 2 matrix of Pauli operators at a time: no bit masks as in the simulator.
fn dense_mean(pauli: &str, state: &[Amplitude]) -> f64 {
    let zero = [0.0, 0.0];
    let one_qubit = |letter: char| match letter {
        'I' => [[[1.0, 0.0], zero], [zero, [1.0, 0.0]]],
        'X' => [[zero, [1.0, 0.0]], [[1.0, 0.0], zero]],
        'Y' => [[zero, [0.0, -1.0]], [[0.0, 1.0], zero]],
        _ => [[[1.0, 0.0], zero], [zero, [-1.0, 0.0]]],
    };
    let times = |a: Amplitude, b: Amplitude| [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
    let matrices: Vec<[[Amplitude; 2]; 2]> = pauli.chars().rev().map(one_qubit).collect();
    let mut mean = 0.0;
    for (row, left) in state.iter().enumerate() {
        for (column, right) in state.iter().enumerate() {
            let element =
                matrices
                    .iter()
                    .enumerate()
                    .fold([1.0, 0.0], |product, (qubit, matrix)| {
                        times(product, matrix[row >> qubit & 1][column >> qubit & 1])
                    });
            mean += times([left[0], -left[1]], times(element, *right))[0];
        }
    }
    mean
}

fn all_strings(qubits: usize) -> Vec<String> {
    let mut strings = vec![String::new()];
    for _ in 0..qubits {
        strings = strings
            .iter()
            .flat_map(|string| ["I", "X", "Y", "Z"].map(|letter| format!("{string}{letter}")))
            .collect();
    }
    strings
}

/// A state without symmetries.
fn scrambled(qubits: usize) -> String {
    let mut text = format!("include \"stdgates.inc\"; qubit[{qubits}] q; ");
    for round in 0..3 {
        for qubit in 0..qubits {
            let angle = 0.3 + 0.7 * qubit as f64 + 1.1 * f64::from(round);
            let (phi, lambda) = (angle * 1.7, angle / 3.0);
            let _ = write!(text, "u3({angle}, {phi}, {lambda}) q[{qubit}]; ");
        }
        for qubit in 1..qubits {
            let control = qubit - 1;
            let _ = write!(text, "cx q[{control}], q[{qubit}]; ");
        }
    }
    text
}

#[test]
fn every_string_of_four_qubits_has_the_mean_of_its_dense_matrix() {
    let strings = all_strings(4);
    let observables: Vec<Observable> = strings.iter().map(|text| sum_of(&[(1.0, text)])).collect();
    let output = try_expect(&scrambled(4), &observables, 0).unwrap();
    let state = output.statevector.unwrap();
    for (string, found) in strings.iter().zip(&output.expectations) {
        let expected = dense_mean(string, &state);
        assert!((found.value - expected).abs() < 1e-12, "{string}");
        assert!((found.variance - (1.0 - expected * expected)).abs() < 1e-12);
        assert_eq!(found.standard_error, None);
    }
    assert!(output.counts.is_empty());
}

/// Flips and signs above the block of a transform, against a direct sum over the amplitudes.
#[test]
fn strings_of_many_qubits_have_the_mean_of_a_direct_sum_for_any_number_of_threads() {
    const QUBITS: usize = 13;
    let source = scrambled(QUBITS);
    let mut random = 1_u64;
    let strings: Vec<String> = (0..200)
        .map(|_| {
            let letters = (0..QUBITS).map(|_| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                ['I', 'X', 'Y', 'Z'][(random >> 60) as usize % 4]
            });
            letters.collect()
        })
        .collect();
    let observables: Vec<Observable> = strings.iter().map(|text| sum_of(&[(1.0, text)])).collect();
    let state = try_expect(&source, &[], 0).unwrap().statevector.unwrap();
    let with_threads = |threads| {
        let threads = Arc::new(ThreadBudget::new(threads));
        let request = Request {
            source: &source,
            observables: &observables,
            memory_limit_bytes: MEMORY_LIMIT,
            threads: Some(&threads),
            ..Request::default()
        };
        run(&request, &Stop::default()).unwrap().expectations
    };
    let found = with_threads(1);
    assert_eq!(found, with_threads(3));
    for (string, found) in strings.iter().zip(&found) {
        let mut mean = 0.0;
        for (index, [re, im]) in state.iter().enumerate() {
            let (mut flipped, mut factor) = (index, [1.0, 0.0]);
            for (qubit, letter) in string.chars().rev().enumerate() {
                let one = index >> qubit & 1 == 1;
                if matches!(letter, 'X' | 'Y') {
                    flipped ^= 1 << qubit;
                }
                factor = match (letter, one) {
                    ('Y', false) => [-factor[1], factor[0]],
                    ('Y', true) => [factor[1], -factor[0]],
                    ('Z', true) => [-factor[0], -factor[1]],
                    _ => factor,
                };
            }
            let image = [
                re * factor[0] - im * factor[1],
                re * factor[1] + im * factor[0],
            ];
            let [left_re, left_im] = state[flipped];
            mean += left_re * image[0] + left_im * image[1];
        }
        assert!(
            (found.value - mean).abs() < 1e-10,
            "{string}: {} {mean}",
            found.value
        );
    }
}

#[test]
fn a_tableau_has_the_same_means_as_a_statevector() {
    // The gates on eleven qubits are Clifford; with a T at the end, which changes no Z, it is not.
    let clifford = "include \"stdgates.inc\"; qubit[11] q; h q[0]; s q[0]; cx q[0], q[1]; cx q[1], q[2]; sdg q[2]; h q[3]; cz q[3], q[1]; y q[4]; h q[4]; \
                    sx q[5]; cy q[5], q[6]; swap q[0], q[6]; h q[7]; cx q[7], q[8]; s q[8]; h q[9]; z q[9]; x q[10]; ";
    let mut strings: Vec<String> = all_strings(4);
    let mut random = 9_u64;
    for string in &mut strings {
        while string.len() < 11 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            string.push(['I', 'X', 'Y', 'Z'][(random >> 60) as usize % 4]);
        }
    }
    for fixed in [
        "IIIIIIIIIII",
        "ZIIIIIIIIII",
        "IXIIIIIIIII",
        "IIYXIIIIIII",
        "IIYYIIIIIII",
        "IIIIIIXIIII",
        "IIIIIIYIIII",
    ] {
        strings.push(fixed.to_owned());
    }
    let paulis: Vec<&str> = strings.iter().map(String::as_str).collect();
    let observables: Vec<Observable> = paulis.iter().map(|text| sum_of(&[(1.0, text)])).collect();
    let request = Request {
        source: clifford,
        observables: &observables,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    let tableau = run(&request, &Stop::default()).unwrap();
    assert_eq!(tableau.method, "stabilizer");
    let vector = try_expect(clifford, &observables, 0).unwrap();
    assert_eq!(vector.method, "statevector");
    let (mut plus, mut minus) = (0, 0);
    for ((pauli, tableau), vector) in paulis
        .iter()
        .zip(&tableau.expectations)
        .zip(&vector.expectations)
    {
        assert!(
            (tableau.value - vector.value).abs() < 1e-10,
            "{pauli}: {} {}",
            tableau.value,
            vector.value
        );
        plus += i32::from(tableau.value > 0.5);
        minus += i32::from(tableau.value < -0.5);
    }
    assert!(plus > 1 && minus > 1, "{plus} {minus}");
}

#[test]
fn the_rightmost_letter_is_the_first_qubit_that_is_declared() {
    assert_values(
        "qubit a; qubit[2] b; x b[0]; h b[1];",
        &[("IIZ", 1.0), ("IZI", -1.0), ("XII", 1.0), ("XZZ", -1.0)],
    );
    // A qubit that no gate touches is |0⟩, and a swap is a change of names.
    assert_values(
        "qubit[2] q; x q[0]; swap q[0], q[1];",
        &[("IZ", 1.0), ("ZI", -1.0), ("IX", 0.0)],
    );
}

#[test]
fn final_measurements_are_undone_and_others_are_not() {
    assert_values(
        "qubit[2] q; h q[0]; cx q[0], q[1]; bit[2] c = measure q;",
        &[("XX", 1.0), ("YY", -1.0), ("ZZ", 1.0)],
    );
    // The gate after the measurement leaves its outcome open.
    let source = "qubit[2] q; bit c; h q[0]; c = measure q[0]; cx q[0], q[1];";
    assert_values(
        source,
        &[("XX", 0.0), ("ZZ", 1.0), ("IZ", 0.0), ("ZI", 0.0)],
    );
    // Measured again after another gate.
    let source = "qubit[2] q; bit c; h q[0]; c = measure q[0]; cx q[0], q[1]; reset q[0]; h q[0]; c = measure q[0];";
    assert_values(source, &[("IX", 1.0), ("ZI", 0.0)]);
}

#[test]
fn histories_of_outcomes_are_weighted_by_their_probabilities() {
    let teleport = "include \"stdgates.inc\"; qubit[3] q; bit[2] c; ry(0.7) q[0]; rz(0.4) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; h q[0]; \
                    c[0] = measure q[0]; c[1] = measure q[1]; if (c[1]) x q[2]; if (c[0]) z q[2];";
    let (theta, phi) = (0.7_f64, 0.4_f64);
    assert_values(
        teleport,
        &[
            ("ZII", theta.cos()),
            ("XII", theta.sin() * phi.cos()),
            ("YII", theta.sin() * phi.sin()),
            ("IIZ", 0.0),
            ("IIX", 0.0),
        ],
    );
    let biased = "include \"stdgates.inc\"; qubit[2] q; bit c; ry(1.0) q[0]; c = measure q[0]; if (c) x q[1];";
    assert_values(
        biased,
        &[("ZI", 1.0_f64.cos()), ("ZZ", 1.0), ("IZ", 1.0_f64.cos())],
    );
}

#[test]
fn a_tableau_with_measurements_in_the_middle_is_exact() {
    // 200 outcomes that nothing reads: too many histories.
    let source = "include \"stdgates.inc\"; qubit[12] q; bit c; h q; for int i in [1:200] { c = measure q[0]; h q[0]; } cx q[0], q[1];";
    let observables = [sum_of(&[
        (2.0, "IIIIIIIIIIII"),
        (0.5, "XIIIIIIIIIII"),
        (1.0, "IIIIIIIIIIIZ"),
    ])];
    let request = Request {
        source,
        observables: &observables,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    let output = run(&request, &Stop::default()).unwrap();
    assert_eq!(output.method, "stabilizer");
    assert!((output.expectations[0].value - 2.5).abs() < 1e-12);
}

#[test]
fn too_many_histories_need_shots() {
    let source = "include \"stdgates.inc\"; qubit q; bit c; for int i in [1:20] { h q; c = measure q; if (c) { t q; } }";
    let observables = [sum_of(&[(1.0, "Z")])];
    let error = try_expect(source, &observables, 0).unwrap_err();
    assert!(matches!(error, SimulatorError::ResourceLimit { .. }));
    assert!(error.to_string().contains("give `shots`"), "{error}");
    assert!(try_expect(source, &observables, 100).is_ok());
}

#[test]
fn means_from_shots_lie_within_a_few_standard_errors_and_repeat() {
    let source = scrambled(3);
    let terms = [(0.5, "XYZ"), (-1.5, "ZZI"), (0.25, "IIX")];
    let exact = try_expect(&source, &[sum_of(&terms)], 0)
        .unwrap()
        .expectations[0];
    let sampled = try_expect(&source, &[sum_of(&terms)], 10_000).unwrap();
    let found = sampled.expectations[0];
    let error = found.standard_error.unwrap();
    assert!(
        (error - (exact.variance / 10_000.0).sqrt()).abs() < 0.1 * error,
        "{found:?} {exact:?}"
    );
    let difference = (found.value - exact.value).abs();
    assert!(difference > 1e-12 && difference < 5.0 * error);
    let again = try_expect(&source, &[sum_of(&terms)], 10_000).unwrap();
    assert_eq!(again.expectations[0], found);
    // Requested expectations change no counts.
    assert_eq!(
        try_expect(&source, &[], 10_000).unwrap().counts,
        sampled.counts
    );
    // Branches: a shot of each.
    let flips = "qubit[2] q; bit c; h q[0]; c = measure q[0]; if (c) x q[1];";
    let mean = values(flips, &["ZI", "ZZ"], 10_000);
    assert!(
        mean[0].abs() < 0.05 && (mean[1] - 1.0).abs() < 1e-12,
        "{mean:?}"
    );
}

#[test]
fn terms_with_one_string_are_one_term() {
    let output = try_expect(
        "qubit q; h q;",
        &[sum_of(&[(1.0, "Z"), (-1.0, "Z"), (2.0, "X")]), sum_of(&[])],
        0,
    )
    .unwrap();
    let found = output.expectations[0];
    assert!(
        (found.value - 2.0).abs() < 1e-12 && found.variance.abs() < 1e-12,
        "{found:?}"
    );
    assert!(output.expectations[1].value.abs() < 1e-12);
}

#[test]
fn a_string_that_does_not_fit_is_named_by_its_observable_and_term() {
    for (wrong, words) in [
        (
            "ZZZ",
            "one letter for each of the circuit's 2 qubits, the rightmost for qubit 0; it has 3",
        ),
        ("", "it has 0"),
        ("ZA", "`A` is not a Pauli operator"),
        ("zz", "`z` is not a Pauli operator"),
    ] {
        let observables = [sum_of(&[(1.0, "ZZ")]), sum_of(&[(1.0, "XX"), (1.0, wrong)])];
        let error = try_expect("qubit[2] q;", &observables, 0).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("observables[1][1]: ") && text.contains(words),
            "{text}"
        );
    }
}
