//! Random classical programs over all operators, types and statements against an evaluator of their own,
//! which shares no code with the simulator.
//!
//! Environment variables: `QTASK_EVALUATOR_PROGRAMS` (how many, 2,000 without it) and `QTASK_FUZZ_SEED` (that of the
//! first, 1 without it; each next one has the next number).

#![allow(clippy::float_cmp, reason = "values are compared to the last bit")]

mod angles;
mod assignment;
mod cast;
mod control;
mod expressions;
mod functions;
mod integers;
mod leaves;
mod machine;
mod operators;
mod program;
mod random;
mod reals;
mod statements;
mod steps;
mod syntax;
mod text;
mod value;

use crate::{Request, Stop, run};

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

/// What is wrong with the program of a seed, if anything is.
fn difference(seed: u64) -> Option<String> {
    let program = program::program(seed);
    let request = Request {
        source: &program.source,
        shots: 1,
        seed: Some(1),
        memory_limit_bytes: 1 << 20,
        ..Request::default()
    };
    let found = match run(&request, &Stop::default()) {
        Ok(output) => output.counts.into_keys().next().unwrap_or_default(),
        Err(error) => error.to_string(),
    };
    let told = || {
        let (source, outcome) = (&program.source, &program.outcome);
        format!("QTASK_FUZZ_SEED={seed}\n{source}expected {outcome}\nfound    {found}\n")
    };
    (found != program.outcome).then(told)
}

#[test]
fn random_classical_programs_have_the_values_that_another_evaluator_finds() {
    let first = variable("QTASK_FUZZ_SEED").unwrap_or(1);
    let count = variable("QTASK_EVALUATOR_PROGRAMS").unwrap_or(2_000);
    let seeds = first..first.saturating_add(count);
    let differences: Vec<String> = seeds.filter_map(difference).take(8).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
