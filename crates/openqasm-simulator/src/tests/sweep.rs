//! Runs of one circuit for many values of its inputs.

use crate::sweep::{PointError, sweep};
use crate::tests::MEMORY_LIMIT;
use crate::{Observable, Output, PauliTerm, Request, SimulatorError, Stop, ThreadBudget, run};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const TURNED: &str = "include \"stdgates.inc\"; input angle theta; input int n; qubit[2] q; for int i in [1:n] { ry(theta) q[0]; } cx q[0], q[1];";

fn point(theta: f64, n: i64) -> Map<String, Value> {
    let mut values = Map::new();
    values.insert("theta".to_owned(), json!(theta));
    values.insert("n".to_owned(), json!(n));
    values
}

fn points(
    threads: usize,
    all: &[(f64, i64)],
    stop: &Stop,
    convert: impl Fn(Output) -> Result<Output, SimulatorError> + Sync,
) -> Result<Vec<Output>, PointError> {
    let observables = [Observable {
        terms: vec![PauliTerm {
            pauli: "ZZ".to_owned(),
            coeff: 1.0,
        }],
    }];
    let threads = Arc::new(ThreadBudget::new(threads));
    let request = Request {
        source: TURNED,
        shots: 100,
        seed: Some(40),
        observables: &observables,
        memory_limit_bytes: MEMORY_LIMIT,
        threads: Some(&threads),
        ..Request::default()
    };
    sweep(
        &request,
        all.len(),
        |index| point(all[index].0, all[index].1),
        |_, output| convert(output),
        stop,
    )
}

#[test]
fn each_point_has_the_result_of_a_run_with_the_next_seed() {
    let all: Vec<(f64, i64)> = (0..40)
        .map(|k| (0.1 * f64::from(k), i64::from(k % 3)))
        .collect();
    let stop = Stop::default();
    let found = points(3, &all, &stop, Ok).unwrap();
    assert_eq!(found.len(), 40);
    assert_eq!(points(1, &all, &Stop::default(), Ok).unwrap(), found);
    for (index, (theta, n)) in all.iter().enumerate() {
        let values = point(*theta, *n);
        let request = Request {
            source: TURNED,
            shots: 100,
            seed: Some(40 + index as u64),
            parameters: Some(&values),
            memory_limit_bytes: MEMORY_LIMIT,
            ..Request::default()
        };
        let single = run(&request, &Stop::default()).unwrap();
        assert_eq!(found[index].counts, single.counts);
        assert_eq!(found[index].seed, single.seed);
    }
}

#[test]
fn the_first_point_that_fails_is_named() {
    let mut all = vec![(0.5, 1); 30];
    all[20].1 = 1 << 40;
    all[11].0 = f64::NAN;
    let error = points(4, &all, &Stop::default(), Ok).unwrap_err();
    assert_eq!(error.index, 11);
    assert!(error.to_string().starts_with("point 11: line 1"), "{error}");
    assert!(error.to_string().contains("`theta`"), "{error}");
}

#[test]
fn a_sweep_ends_between_points_where_it_is_stopped_or_its_results_are_refused() {
    let stop = Stop::default();
    let all = vec![(0.5, 1); 1_000];
    let error = points(1, &all, &stop, |output| {
        stop.cancel();
        Ok(output)
    });
    let error = error.unwrap_err();
    assert_eq!(error.index, 1);
    assert!(matches!(error.error, SimulatorError::Stopped(_)));
    let refused = points(1, &all, &Stop::default(), |output| match output.seed {
        45 => Err(SimulatorError::ResourceLimit {
            message: "too much".to_owned(),
        }),
        _ => Ok(output),
    });
    assert_eq!(refused.unwrap_err().to_string(), "point 5: too much");
}

/// Angles alone: the program is compiled once for all points.
#[test]
fn values_of_angles_give_exactly_what_a_run_with_them_gives() {
    let source = "include \"stdgates.inc\"; input float[32] a; input angle[20] b; gate g(t) p { rx(t / 3) p; rz(a * t) p; } \
                  qubit[3] q; g(2 * b + a) q[0]; u3(a, b, a / 2) q[1]; ctrl @ pow(a) @ x q[0], q[2]; cx q[0], q[1]; bit[3] c = measure q;";
    let values = |index: usize| {
        let mut values = Map::new();
        values.insert("a".to_owned(), json!(0.37 * index as f64 - 1.0));
        values.insert("b".to_owned(), json!(0.11 * index as f64));
        values
    };
    let request = Request {
        source,
        shots: 1_000,
        seed: Some(3),
        statevector: true,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    let found = sweep(
        &request,
        25,
        values,
        |_, output| Ok(output),
        &Stop::default(),
    )
    .unwrap();
    for (index, found) in found.iter().enumerate() {
        let values = values(index);
        let single = Request {
            seed: Some(3 + index as u64),
            parameters: Some(&values),
            ..request
        };
        assert_eq!(*found, run(&single, &Stop::default()).unwrap());
    }
    let unknown = |_: usize| {
        let mut values = values(1);
        values.insert("c".to_owned(), json!(1));
        values
    };
    let error = sweep(
        &request,
        2,
        unknown,
        |_, output| Ok(output),
        &Stop::default(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("declares no such `input`"),
        "{error}"
    );
}
