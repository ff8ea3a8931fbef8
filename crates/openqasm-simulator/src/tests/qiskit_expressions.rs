//! Qiskit's classical expressions as it exports them, with the outcomes that the types of its own
//! nodes give; `tests/circuits/qiskit_expressions.py` wrote both.

use crate::tests::{corpus_directory, outcome};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    program: String,
    outcome: String,
}

#[test]
fn expressions_of_qiskit_have_the_values_that_its_types_give() {
    let path = corpus_directory("qiskit_expressions.json");
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 200, "{} cases", cases.len());
    for case in cases {
        assert_eq!(outcome(&case.program), case.outcome, "{}", case.program);
    }
}
