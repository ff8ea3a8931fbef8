//! Runs on several threads: the same counts, and an end in time.

use crate::ThreadBudget;
use crate::resources::stop::Stopped;
use crate::tests::*;
use std::fmt::Write;
use std::sync::Arc;

/// Layers of gates that neither cancel out nor become one; measured in the middle and at the end.
fn circuit(qubits: usize, layers: usize) -> String {
    let last = qubits - 1;
    let mut source = format!("OPENQASM 3; qubit[{qubits}] q; bit[{qubits}] c;");
    for layer in 0..layers {
        write!(
            source,
            "h q; t q; for int k in [0:{}] {{ cx q[k], q[k + 1]; cp(0.{layer}1) q[k], q[{last}]; }}",
            last - 2
        )
        .unwrap();
    }
    write!(
        source,
        "c[0] = measure q[0]; if (c[0]) rx(0.4) q[{last}]; c = measure q;"
    )
    .unwrap();
    source
}

#[test]
fn the_same_seed_gives_the_same_counts_with_any_number_of_threads() {
    let source = circuit(17, 2);
    let counts = |threads| {
        let threads = Arc::new(ThreadBudget::new(threads));
        let request = Request {
            source: &source,
            shots: 2000,
            seed: Some(3),
            memory_limit_bytes: MEMORY_LIMIT,
            threads: Some(&threads),
            ..Request::default()
        };
        run(&request, &Stop::default()).unwrap().counts
    };
    let one = counts(1);
    assert!(one.len() > 100, "{}", one.len());
    for threads in [0, 2, 3, 8] {
        assert_eq!(counts(threads), one, "{threads} threads");
    }
}

#[test]
fn a_large_run_on_two_threads_ends_soon_after_a_cancel() {
    let source = circuit(26, 9);
    let threads = Arc::new(ThreadBudget::new(2));
    let request = Request {
        source: &source,
        shots: 10,
        memory_limit_bytes: 16 << 26,
        threads: Some(&threads),
        ..Request::default()
    };
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&request, &stop));
        while !has_helper() {
            assert!(!running.is_finished());
            std::thread::yield_now();
        }
        let cancelled = Instant::now();
        stop.cancel();
        let result = running.join().unwrap();
        assert_eq!(result, Err(SimulatorError::Stopped(Stopped::Cancelled)));
        let after = cancelled.elapsed();
        assert!(after < Duration::from_secs(1), "{after:?}");
    });
}

/// Whether a second thread works on a state.
fn has_helper() -> bool {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let mut names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    names.any(|name| name.trim() == "simulator")
}
