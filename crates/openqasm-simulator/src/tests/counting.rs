//! Counts, seeds, memory of shots.

use crate::sampling::{binomial, generator};
use crate::tests::{counts, outcome, simulate};
use crate::{Output, Request, Stop, run};

fn seeded(source: &str, seed: Option<u64>, memory: bool) -> Output {
    let request = Request {
        source,
        shots: 1000,
        seed,
        parameters: None,
        memory,
        memory_limit_bytes: 1 << 20,
        ..Request::default()
    };
    run(&request, &Stop::default()).unwrap()
}

const DYNAMIC: &str = "OPENQASM 3; qubit[3] q; bit[3] c; h q; c[0] = measure q[0];
    if (c[0]) { h q[1]; reset q[0]; h q[0]; } c = measure q;";

#[test]
fn the_same_seed_gives_the_same_counts() {
    for seed in 0..20 {
        let first = seeded(DYNAMIC, Some(seed), true);
        assert_eq!(first, seeded(DYNAMIC, Some(seed), true));
        assert_eq!(first.counts, seeded(DYNAMIC, Some(seed), false).counts);
    }
}

#[test]
fn a_drawn_seed_is_reported_and_repeats_the_run() {
    let drawn = seeded(DYNAMIC, None, false);
    assert!(drawn.seed < 1 << 53);
    assert_eq!(drawn, seeded(DYNAMIC, Some(drawn.seed), false));
    assert_ne!(drawn.seed, seeded(DYNAMIC, None, false).seed);
}

#[test]
fn the_memory_of_shots_agrees_with_the_counts() {
    let output = seeded(DYNAMIC, Some(3), true);
    let memory = output.memory.unwrap();
    // The outcome of each shot as a key of the counts again, from its registers.
    let registers = output.registers.len();
    let mut shots = vec![String::new(); 1000];
    for (place, register) in output.registers.iter().enumerate() {
        let samples: Vec<String> = memory.of_register(place, registers).collect();
        assert_eq!(samples.len(), 1000);
        for (shot, sample) in shots.iter_mut().zip(samples) {
            let value = u64::from_str_radix(sample.strip_prefix("0x").unwrap(), 16).unwrap();
            let bits = format!("{value:0width$b}", width = register.size as usize);
            *shot = format!("{bits} {shot}").trim_end().to_owned();
        }
    }
    for (key, count) in &output.counts {
        assert_eq!(
            shots.iter().filter(|shot| *shot == key).count() as u64,
            *count
        );
    }
    let sorted = shots.is_sorted();
    assert!(!sorted, "shots are in a random order");
}

#[test]
fn registers_stand_last_declared_first_with_bit_zero_rightmost() {
    let source = "OPENQASM 3; bit a; bit[3] b; qubit[4] q; x q[0]; x q[2]; a = measure q[0];
        b[0] = measure q[1]; b[1] = measure q[2]; b[2] = measure q[3];";
    let output = simulate(source, 5).unwrap();
    assert_eq!(outcome(source), "010 1");
    assert_eq!(output.bit_order, "b[n-1]..b[0] a[0]");
    let names: Vec<&str> = output
        .registers
        .iter()
        .map(|register| register.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn without_measurement_everything_is_measured() {
    assert_eq!(
        outcome("OPENQASM 3; qubit[2] q; qubit r; x q[1]; x r;"),
        "110"
    );
    assert_eq!(
        outcome("OPENQASM 2.0; qreg q[2]; creg c[1]; x q[0];"),
        "01 0"
    );
    let output = simulate("qubit[2] q; x q[0];", 3).unwrap();
    assert_eq!(output.registers[0].name, "meas");
    assert_eq!(outcome("OPENQASM 3; x $5; id $2;"), "10");
}

#[test]
fn measurements_without_target_fill_a_register_for_each_measured_register() {
    assert_eq!(
        outcome("OPENQASM 3; qubit[3] q; x q[1]; measure q[0]; measure q[1]; measure q[2];"),
        "010"
    );
    assert_eq!(
        outcome("OPENQASM 3; qubit[2] a; qubit[2] b; x a[0]; x b; measure a; measure b;"),
        "11 01"
    );
    let output = simulate("qubit meas; qubit b; measure meas; measure b;", 1).unwrap();
    let names: Vec<&str> = output
        .registers
        .iter()
        .map(|register| register.name.as_str())
        .collect();
    assert_eq!(names, ["meas1", "meas2"]);
}

#[test]
fn a_circuit_without_bits_has_one_empty_outcome() {
    assert_eq!(counts("OPENQASM 3;", 5), ":5");
}

#[test]
fn all_shots_are_counted_however_many() {
    let output = simulate(
        "qubit q; bit c; h q; c = measure q; if (c) { h q; } c = measure q;",
        3_000_000,
    )
    .unwrap();
    assert_eq!(output.counts.values().sum::<u64>(), 3_000_000);
    let zeros = output.counts["0"] as f64 / 3e6;
    assert!((zeros - 0.75).abs() < 0.002, "{zeros}");
}

#[test]
fn an_outcome_measured_twice_stays_the_same() {
    let source = "OPENQASM 3; qubit[2] q; bit[4] c; h q[0]; cx q[0], q[1]; c[0] = measure q[0];
        c[1] = measure q[0]; z q[0]; cx q[0], q[1]; c[2] = measure q[0]; c[3] = measure q[1];";
    let output = simulate(source, 1000).unwrap();
    assert_eq!(output.counts.keys().collect::<Vec<_>>(), ["0000", "0111"]);
}

#[test]
fn a_measurement_that_is_overwritten_still_disturbs() {
    // Measured and forgotten, then rotated back: a random bit, not a certain one.
    let source = "OPENQASM 3; qubit[2] q; bit c; h q[0]; c = measure q[0]; c = measure q[1]; h q[0]; c = measure q[0];";
    let output = simulate(source, 10_000).unwrap();
    assert!(
        output.counts["0"] > 4000 && output.counts["1"] > 4000,
        "{:?}",
        output.counts
    );
}

#[test]
fn binomial_draws_have_the_right_mean_and_spread() {
    let mut rng = generator(11);
    for (trials, probability) in [
        (1, 0.3),
        (63, 0.5),
        (64, 0.9),
        (1000, 1e-3),
        (100_000, 0.123),
    ] {
        let draws: Vec<f64> = (0..4000)
            .map(|_| binomial(&mut rng, trials, probability) as f64)
            .collect();
        let mean = draws.iter().sum::<f64>() / 4000.0;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 4000.0;
        let (exact_mean, exact_variance) = (
            trials as f64 * probability,
            trials as f64 * probability * (1.0 - probability),
        );
        assert!(
            (mean - exact_mean).abs() < 5.0 * (exact_variance / 4000.0).sqrt(),
            "{trials} {probability}: {mean}"
        );
        assert!(
            (variance / exact_variance - 1.0).abs() < 0.15,
            "{trials} {probability}: {variance}"
        );
    }
    assert_eq!(binomial(&mut rng, 10, 0.0), 0);
    assert_eq!(binomial(&mut rng, 10, 1.0), 10);
}

#[test]
fn four_thousand_million_shots_of_a_small_circuit_are_counted_at_once() {
    let output = simulate("qubit[2] q; h q[0]; cx q[0], q[1]; measure q;", u32::MAX).unwrap();
    assert_eq!(output.counts.values().sum::<u64>(), u64::from(u32::MAX));
    assert_eq!(output.counts.keys().collect::<Vec<_>>(), ["00", "11"]);
}
