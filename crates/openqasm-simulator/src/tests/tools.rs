//! Circuits as other tools export them, with what those tools compute for them.

use crate::tests::statistics::{against_exact, against_sample};
use crate::tests::{MEMORY_LIMIT, corpus, corpus_directory};
use crate::{Output, Request, SimulatorError, Stop, run};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a tool says about one of its circuits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    /// The tool with its version, and how it wrote the circuit.
    tool: String,
    /// Values for the inputs of the circuit.
    parameters: Option<Map<String, Value>>,
    /// The exact probabilities of the outcomes.
    exact: Option<BTreeMap<String, f64>>,
    /// A sample, where the tool has no exact answer.
    counts: Option<BTreeMap<String, u64>>,
    /// Words of the message that refuses a circuit with another meaning for its tool.
    refused: Option<String>,
    /// How many shots the sample has.
    #[allow(dead_code, reason = "tells the reader how good the sample is")]
    shots: Option<u64>,
}

fn try_to_simulate(
    source: &str,
    parameters: Option<&Map<String, Value>>,
) -> Result<Output, SimulatorError> {
    let request = Request {
        source,
        shots: 50_000,
        seed: Some(11),
        parameters,
        probabilities: true,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    run(&request, &Stop::default())
}

fn reference(name: &str) -> Reference {
    let file = corpus_directory("tools").join(format!("{name}.ref.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The greatest difference of two distributions in any outcome.
fn distance(left: &BTreeMap<String, f64>, right: &BTreeMap<String, f64>) -> f64 {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let of = |map: &BTreeMap<String, f64>, key: &String| map.get(key).copied().unwrap_or(0.0);
    keys.into_iter()
        .map(|key| (of(left, key) - of(right, key)).abs())
        .fold(0.0, f64::max)
}

#[test]
fn circuits_of_other_tools_give_what_those_tools_compute() {
    let mut exactly = 0;
    for (name, source) in corpus("tools") {
        let reference = reference(&name);
        if reference.refused.is_some() {
            continue;
        }
        let tool = &reference.tool;
        let output = try_to_simulate(&source, reference.parameters.as_ref());
        let output = output.unwrap_or_else(|error| panic!("{name}: {error}\n{source}"));
        if let (Some(exact), Some(found)) = (&reference.exact, &output.probabilities) {
            let distance = distance(exact, found);
            assert!(distance < 1e-9, "{name} of {tool}: {distance} apart");
            exactly += 1;
        }
        let likely = match (&reference.exact, &reference.counts) {
            (Some(exact), _) => against_exact(&output.counts, exact),
            (None, Some(sample)) => against_sample(&output.counts, sample),
            (None, None) => panic!("{name} has no reference"),
        };
        assert!(likely > 1e-6, "{name} of {tool}: p = {likely}");
    }
    assert!(exactly > 80, "only {exactly} were compared exactly");
}

#[test]
fn circuits_with_another_meaning_for_their_tools_are_refused_with_the_reason() {
    let mut refused = 0;
    for (name, source) in corpus("tools") {
        let Some(words) = reference(&name).refused else {
            continue;
        };
        let error = try_to_simulate(&source, None).unwrap_err().to_string();
        assert!(error.contains(&words), "{name}: {error}");
        refused += 1;
    }
    assert!(refused > 10, "only {refused} were refused");
}
