//! Circuits with known answers, circuits that must be refused, circuits that try to do harm.

use crate::tests::statistics::{against_exact, against_sample};
use crate::tests::{MEMORY_LIMIT, corpus, corpus_directory, errors, simulate};
use crate::{Request, SimulatorError, Stop, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Circuits of the corpus that this simulator refuses, with what it says.
const REFUSED: [(&str, &str); 1] = [(
    "q3_26_braket_pragma_result",
    "Braket pragma `result` is not supported",
)];

/// Runs without a reference: what the circuit prepares is known.
const WITHOUT_REFERENCE: [&str; 1] = ["q3_29_no_measure"];

/// Its reference holds only the commonest outcomes. They span the whole space, and the outcomes of
/// a Clifford circuit are all equally likely, so all 4,096 are.
const CUT_REFERENCE: &str = "qk2_clifford12";

fn uniform() -> BTreeMap<String, f64> {
    (0..4096)
        .map(|index| (format!("{index:012b}"), 1.0 / 4096.0))
        .collect()
}

fn json(kind: &str, file: &str) -> Value {
    let text = std::fs::read_to_string(corpus_directory(kind).join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers<T>(value: &Value, convert: impl Fn(&Value) -> Option<T>) -> Option<BTreeMap<String, T>> {
    let cells = value.as_object()?.iter();
    Some(
        cells
            .map(|(key, cell)| (key.clone(), convert(cell).unwrap()))
            .collect(),
    )
}

#[test]
fn circuits_with_known_answers_give_them() {
    for (name, source) in corpus("ok") {
        if let Some((_, words)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            assert!(errors(&source)[0].message.contains(words), "{name}");
            continue;
        }
        let output = simulate(&source, 100_000).unwrap_or_else(|error| panic!("{name}: {error}"));
        if WITHOUT_REFERENCE.contains(&name.as_str()) {
            continue;
        }
        let reference = json("ok", &format!("{name}.ref.json"));
        let exact = numbers(&reference["exact"], Value::as_f64);
        let exact = exact.or_else(|| (name == CUT_REFERENCE).then(uniform));
        let likely = if let Some(exact) = exact {
            against_exact(&output.counts, &exact)
        } else {
            let sample = numbers(&reference["counts_qiskit"], Value::as_u64).unwrap();
            against_sample(&output.counts, &sample)
        };
        assert!(likely > 1e-6, "{name}: p = {likely}");
        let sizes: Vec<u64> = output
            .registers
            .iter()
            .map(|register| u64::from(register.size))
            .collect();
        let expected: Vec<u64> = reference["registers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|register| register[1].as_u64().unwrap())
            .collect();
        assert_eq!(sizes, expected, "{name}");
    }
}

#[test]
fn invalid_circuits_are_refused_at_their_line_and_column() {
    let index = json("invalid", "index.json");
    for (name, source) in corpus("invalid") {
        let found = errors(&source);
        let expected = &index[&name];
        let place = (found[0].line as u64, found[0].column as u64);
        let wanted = (
            expected["line"].as_u64().unwrap(),
            expected["col"].as_u64().unwrap(),
        );
        assert_eq!(place, wanted, "{name} ({}): {}", expected["what"], found[0]);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
    }
}

#[test]
fn hostile_circuits_end_soon() {
    for (name, source) in corpus("hostile") {
        let started = Instant::now();
        let request = Request {
            source: &source,
            shots: 1024,
            seed: Some(7),
            parameters: None,
            memory: true,
            memory_limit_bytes: MEMORY_LIMIT,
            ..Request::default()
        };
        let stop = Stop::new(Some(started + Duration::from_secs(2)));
        let result = run(&request, &stop);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(5), "{name} took {took:?}");
        if let Err(SimulatorError::Circuit(errors)) = result {
            assert!(!errors.is_empty(), "{name}");
        }
    }
}
