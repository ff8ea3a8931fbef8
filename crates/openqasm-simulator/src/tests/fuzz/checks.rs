//! What a check says of a circuit, and what its run does.
//!
//! Environment variables: `QTASK_FUZZ_CHECKS` (how many programs, 400 without it) and `QTASK_FUZZ_SEED`.

use crate::survey::{MistakeCode, Verdict, survey};
use crate::tests::fuzz::valued::{Valued, valued};
use crate::tests::fuzz::{FAILURES, variable};
use crate::{Output, Request, SimulatorError, Stop, run};
use serde_json::Map;
use std::time::{Duration, Instant};

/// Enough for each way through a small program.
const SHOTS: u32 = 64;
const DEADLINE: Duration = Duration::from_millis(500);

/// How often a check said what.
#[derive(Debug, Default)]
struct Tally {
    ran: u64,
    wrong: u64,
    /// Checks that said that a run may fail with a mistake.
    doubts: u64,
    /// Those of them after which a run came to none.
    doubts_in_vain: u64,
}

fn says(verdict: &Verdict, words: &str) -> bool {
    let mut notes = verdict.survey.iter().flat_map(|survey| &survey.notes);
    notes.any(|note| note.contains(words))
}

fn first_line(error: &SimulatorError) -> Option<usize> {
    match error {
        SimulatorError::Circuit(mistakes) => mistakes.first().map(|mistake| mistake.line),
        _ => None,
    }
}

/// What of the verdict the run contradicts.
fn contradiction(
    verdict: &Verdict,
    result: &Result<Output, SimulatorError>,
    is_random: bool,
) -> Option<String> {
    let is_open = (verdict.survey.as_ref()).is_some_and(|survey| !survey.counts_are_exact);
    let is_wrong = |code| verdict.errors.iter().any(|mistake| mistake.code == code);
    match result {
        Err(SimulatorError::Stopped(_)) => None,
        Ok(output) => {
            let method = verdict.survey.as_ref().and_then(|survey| survey.method);
            if is_wrong(MistakeCode::InvalidCircuit) || !verdict.valid && !is_open {
                Some(format!("it runs: {:?}", verdict.errors))
            } else if method.is_some_and(|method| method != output.method) {
                Some(format!("it runs by {}", output.method))
            } else {
                None
            }
        }
        Err(error @ SimulatorError::Circuit(_)) => {
            let line = verdict.errors.first().and_then(|mistake| mistake.line);
            let is_told = is_wrong(MistakeCode::InvalidCircuit);
            if !is_told && !says(verdict, "may fail with a mistake") {
                Some(format!("{error}"))
            } else if is_told && !is_random && line != first_line(error) {
                Some(format!("{:?}\n{error}", verdict.errors))
            } else {
                None
            }
        }
        Err(error) => {
            let is_told = is_wrong(MistakeCode::ResourceLimit);
            let may_differ = is_open || says(verdict, "too long");
            (!is_told && !may_differ).then(|| format!("{error}"))
        }
    }
}

/// Checks and runs a program; says what is wrong, if anything is.
fn compare(program: &Valued, tally: &mut Tally) -> Option<String> {
    let request = |parameters| Request {
        source: &program.source,
        shots: SHOTS,
        seed: Some(1),
        parameters,
        memory_limit_bytes: 1 << 20,
        ..Request::default()
    };
    let stop = || Stop::new(Some(Instant::now() + DEADLINE));
    let given: Option<&Map<_, _>> = Some(&program.parameters);
    let result = run(&request(given), &stop());
    let verdict = survey(&request(given), &stop()).ok()?;
    let doubts = says(&verdict, "may fail with a mistake");
    tally.ran += u64::from(result.is_ok());
    tally.wrong += u64::from(!verdict.valid);
    tally.doubts += u64::from(doubts);
    tally.doubts_in_vain += u64::from(doubts && result.is_ok());
    if doubts && result.is_ok() && variable("QTASK_FUZZ_SHOW").is_some() {
        println!("no mistake in:\n{}", program.source);
    }
    // Of runs that go several ways, one may come to another mistake first.
    let is_random = program.source.matches("measure").count() > 1;
    if let Some(wrong) = contradiction(&verdict, &result, is_random) {
        return Some(wrong);
    }
    // Values decide which mistakes are reached and which are constants' own: without them no more can be
    // asked than that all inputs are found.
    let any = survey(&request(None), &stop()).ok()?;
    let found = any.survey?.inputs.len();
    let given = program.parameters.len();
    (found != given).then(|| format!("without values: {found} inputs of {given}"))
}

#[test]
fn a_run_does_what_a_check_says() {
    let first = variable("QTASK_FUZZ_SEED").unwrap_or(1);
    let count = variable("QTASK_FUZZ_CHECKS").unwrap_or(400);
    let (mut tally, mut failures) = (Tally::default(), Vec::new());
    for seed in first..first.saturating_add(count) {
        let program = valued(seed);
        if let Some(wrong) = compare(&program, &mut tally) {
            failures.push(format!("{}{wrong}\n", program.told(seed)));
        }
        if failures.len() == FAILURES {
            break;
        }
    }
    println!("{tally:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    if count >= 400 {
        assert!(
            tally.ran > count / 40 && tally.wrong > count / 40,
            "{tally:?}"
        );
    }
}
