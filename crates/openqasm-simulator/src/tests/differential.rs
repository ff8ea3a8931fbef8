//! Random programs against what Qiskit makes of them; `tests/circuits/generate.py` wrote both.

use crate::tests::statistics::{against_exact, against_sample};
use crate::tests::{MEMORY_LIMIT, corpus_directory};
use crate::{Request, Stop, run};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    name: String,
    program: String,
    exact: Option<BTreeMap<String, f64>>,
    counts: Option<BTreeMap<String, u64>>,
}

/// Those whose names begin so.
fn cases(kind: &str) -> Vec<Case> {
    let path = corpus_directory("differential.json");
    let text = std::fs::read_to_string(path).unwrap();
    let mut cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    cases.retain(|case| case.name.starts_with(kind));
    assert!(cases.len() >= 8, "{} cases of {kind}", cases.len());
    cases
}

/// Compares a case, and says by which method it ran.
fn compare(case: &Case) -> &'static str {
    let Case { name, program, .. } = case;
    let request = Request {
        source: program,
        shots: 20_000,
        seed: Some(7),
        memory_limit_bytes: MEMORY_LIMIT,
        probabilities: true,
        ..Request::default()
    };
    let output = run(&request, &Stop::default());
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}\n{program}"));
    let likely = match (&case.exact, &case.counts) {
        (Some(exact), None) => {
            let found = output.probabilities.as_ref().unwrap();
            for key in exact.keys().chain(found.keys()) {
                let of = |from: &BTreeMap<String, f64>| from.get(key).copied().unwrap_or(0.0);
                let (known, found) = (of(exact), of(found));
                assert!(
                    (known - found).abs() < 1e-9,
                    "{name}: {key} has {found}, not {known}\n{program}"
                );
            }
            against_exact(&output.counts, exact)
        }
        (None, Some(counts)) => against_sample(&output.counts, counts),
        _ => panic!("{name} has neither or both"),
    };
    assert!(likely > 1e-6, "{name}: p = {likely}\n{program}");
    output.method
}

#[test]
fn gates_and_modifiers_have_the_probabilities_that_qiskit_finds() {
    for case in cases("gates_") {
        assert_eq!(compare(&case), "statevector", "{}", case.name);
    }
}

#[test]
fn clifford_programs_have_the_probabilities_that_qiskit_finds() {
    for case in cases("clifford_") {
        assert_eq!(compare(&case), "stabilizer", "{}", case.name);
    }
}

#[test]
fn measurements_conditions_and_loops_have_the_outcomes_that_qiskit_draws() {
    for case in cases("dynamic_") {
        compare(&case);
    }
}

#[test]
fn programs_that_qiskit_writes_have_the_outcomes_that_it_draws() {
    for case in cases("qiskit_") {
        compare(&case);
    }
}
