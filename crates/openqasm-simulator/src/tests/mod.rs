//! Tests of the whole simulator: known circuits, the language, limits, gates, hostile input.

#![allow(
    clippy::cast_precision_loss,
    reason = "counts of shots are far below 2^53"
)]

mod answers;
mod arrays;
mod complex;
mod control_flow;
mod corpus;
mod counting;
mod dialects;
mod differential;
mod doubts;
mod evaluated;
mod evaluator;
mod fuzz;
mod gates;
mod inputs;
mod language;
mod limits;
mod long_texts;
mod messages;
mod methods;
mod observables;
mod outputs;
mod qiskit_expressions;
mod smallest;
mod specification;
mod stabilizer;
mod statistics;
mod subroutines;
mod survey;
mod sweep;
mod threads;
mod tools;
mod unrolled;
mod values;

use crate::{CircuitError, MemoryPool, Output, Request, SimulatorError, Stop, run};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const MEMORY_LIMIT: u64 = 1 << 30;

/// How long this thread has worked so far: unlike the time on the wall, it does not depend on how busy the machine is.
fn worked() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).unwrap().into()
}

fn corpus_directory(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/circuits")
        .join(kind)
}

/// Circuits of a part of the corpus, by name.
fn corpus(kind: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(corpus_directory(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "qasm")
        })
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(found.len() > 10, "the corpus of {kind} circuits is missing");
    found
}

fn simulate(source: &str, shots: u32) -> Result<Output, SimulatorError> {
    // What is set aside beforehand must always be enough.
    let pool = MemoryPool::new(MEMORY_LIMIT);
    let request = Request {
        source,
        shots,
        seed: Some(7),
        parameters: None,
        memory: false,
        memory_limit_bytes: MEMORY_LIMIT,
        shared: Some(&pool),
        ..Request::default()
    };
    run(
        &request,
        &Stop::new(Some(Instant::now() + Duration::from_mins(1))),
    )
}

/// The counts of a circuit that must run, as `key:count` in order.
fn counts(source: &str, shots: u32) -> String {
    let output = simulate(source, shots).unwrap_or_else(|error| panic!("{source}\n{error}"));
    let shown: Vec<String> = output
        .counts
        .iter()
        .map(|(key, count)| format!("{key}:{count}"))
        .collect();
    shown.join(",")
}

/// Asserts that a program has one outcome only.
fn gives(expected: &str, program: &str) {
    assert_eq!(
        outcome(&format!("OPENQASM 3; {program}")),
        expected,
        "{program}"
    );
}

/// The single outcome of a circuit that has only one.
fn outcome(source: &str) -> String {
    let output = simulate(source, 20).unwrap_or_else(|error| panic!("{source}\n{error}"));
    assert_eq!(output.counts.len(), 1, "{source}\n{:?}", output.counts);
    output.counts.into_keys().next().unwrap()
}

fn errors(source: &str) -> Vec<CircuitError> {
    match simulate(source, 10) {
        Err(SimulatorError::Circuit(errors)) => errors,
        other => panic!("expected errors in the circuit, got {other:?}\n{source}"),
    }
}

/// Asserts that a circuit is refused at that place, with those words.
fn assert_refused(source: &str, line: usize, column: usize, words: &str) {
    let errors = errors(source);
    let first = &errors[0];
    assert_eq!(
        (first.line, first.column),
        (line, column),
        "{first}\n{source}"
    );
    assert!(
        first.message.contains(words),
        "{first}\ndoes not say: {words}"
    );
}

/// Asserts that a circuit is refused at that place because it is too large.
fn assert_too_large(source: &str, line: usize, column: usize, words: &str) {
    let Err(SimulatorError::ResourceLimit { message }) = simulate(source, 10) else {
        panic!("expected a limit to be passed\n{source}");
    };
    let place = format!("line {line}, column {column}: ");
    assert!(message.starts_with(&place), "{message}");
    assert!(message.contains(words), "{message}\ndoes not say: {words}");
}
