//! Random circuits of Qiskit with control flow as it exports them, with their exact probabilities;
//! `tests/circuits/qiskit_control_flow.py` wrote both.

use crate::tests::statistics::against_exact;
use crate::tests::{MEMORY_LIMIT, corpus_directory};
use crate::{Request, Stop, run};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    name: String,
    program: String,
    exact: BTreeMap<String, f64>,
    parameters: Option<Map<String, Value>>,
}

/// Compares a case, and says whether the simulator knew the exact probabilities too.
fn compare(case: &Case) -> bool {
    let Case {
        name,
        program,
        exact,
        ..
    } = case;
    let request = Request {
        source: program,
        shots: 10_000,
        seed: Some(7),
        parameters: case.parameters.as_ref(),
        memory_limit_bytes: MEMORY_LIMIT,
        probabilities: true,
        ..Request::default()
    };
    let output = run(&request, &Stop::default());
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}\n{program}"));
    let likely = against_exact(&output.counts, exact);
    assert!(likely > 1e-6, "{name}: p = {likely}\n{program}");
    let Some(found) = &output.probabilities else {
        return false;
    };
    for key in exact.keys().chain(found.keys()) {
        let of = |from: &BTreeMap<String, f64>| from.get(key).copied().unwrap_or(0.0);
        let (known, found) = (of(exact), of(found));
        assert!(
            (known - found).abs() < 1e-9,
            "{name}: {key} has {found}, not {known}\n{program}"
        );
    }
    true
}

#[test]
fn control_flow_of_qiskit_has_the_distribution_that_its_circuits_give() {
    let path = corpus_directory("qiskit_control_flow.json");
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 200, "{} cases", cases.len());
    let exactly = cases.iter().filter(|case| compare(case)).count();
    assert!(exactly >= 10, "only {exactly} were compared exactly");
}
