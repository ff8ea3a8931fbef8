//! Programs of the corpus with the answer that each must have: `NAME.json` beside `NAME.qasm`.

use crate::tests::{MEMORY_LIMIT, corpus, corpus_directory};
use crate::{Output, Request, SimulatorError, Stop, check, run};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// Values for the inputs of the program.
    parameters: Option<Map<String, Value>>,
    /// The probabilities of all outcomes.
    exact: Option<BTreeMap<String, f64>>,
    /// The amplitudes, but for a global phase.
    statevector: Option<Vec<[f64; 2]>>,
    /// The mistakes, all of them.
    refused: Option<Vec<Mistake>>,
    /// The line of `docs/circuits.md` that names what this simulator does otherwise than the text.
    pub documented: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    line: usize,
    column: usize,
    words: String,
}

impl Answer {
    /// The answer to the program of that name.
    pub(crate) fn read(kind: &str, name: &str) -> Self {
        let file = corpus_directory(kind).join(format!("{name}.json"));
        let text = std::fs::read_to_string(&file);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    fn is_complete(&self) -> bool {
        self.exact.is_some() || self.statevector.is_some() || self.refused.is_some()
    }
}

fn simulate(source: &str, answer: &Answer) -> Result<Output, SimulatorError> {
    let request = Request {
        source,
        shots: 1000,
        seed: Some(3),
        parameters: answer.parameters.as_ref(),
        probabilities: true,
        statevector: answer.statevector.is_some(),
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    run(&request, &Stop::default())
}

fn is_close(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

fn compare(name: &str, output: &Output, answer: &Answer) {
    if let Some(exact) = &answer.exact {
        let outcomes: Vec<&String> = output.counts.keys().collect();
        for outcome in outcomes {
            assert!(exact.contains_key(outcome), "{name}: {outcome}");
        }
        let found = output.probabilities.as_ref().unwrap();
        for (outcome, wanted) in exact {
            let found = found.get(outcome).copied().unwrap_or(0.0);
            assert!(is_close(found, *wanted), "{name}: {outcome} has {found}");
        }
    }
    if let Some(wanted) = &answer.statevector {
        let found = output.statevector.as_ref().unwrap();
        assert_eq!(found.len(), wanted.len(), "{name}");
        // |<found|wanted>| is 1 whatever the global phase.
        let pairs = || found.iter().zip(wanted);
        let re: f64 = pairs().map(|(a, b)| a[0] * b[0] + a[1] * b[1]).sum();
        let im: f64 = pairs().map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum();
        assert!(is_close(re.hypot(im), 1.0), "{name}: {found:?}");
    }
}

fn compare_mistakes(name: &str, error: SimulatorError, wanted: &[Mistake]) {
    let SimulatorError::Circuit(found) = error else {
        panic!("{name}: {error}");
    };
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), wanted.len(), "{name}: {shown:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        let place = (found.line, found.column);
        assert_eq!(place, (wanted.line, wanted.column), "{name}: {found}");
        assert!(found.message.contains(&wanted.words), "{name}: {found}");
    }
}

/// Asserts that every program of a part of the corpus has its answer.
pub(crate) fn assert_answers(kind: &str) {
    let mut failures = Vec::new();
    for (name, source) in corpus(kind) {
        let answer = Answer::read(kind, &name);
        assert!(answer.is_complete(), "{name} has no answer");
        let result =
            std::panic::catch_unwind(|| match (simulate(&source, &answer), &answer.refused) {
                (Ok(output), None) => {
                    compare(&name, &output, &answer);
                    check(&source).unwrap_or_else(|error| panic!("{name}: check: {error}"));
                }
                (Err(error), Some(wanted)) => compare_mistakes(&name, error, wanted),
                (Ok(_), Some(_)) => panic!("{name} is not refused"),
                (Err(error), None) => panic!("{name}: {error}"),
            });
        if result.is_err() {
            failures.push(name);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
