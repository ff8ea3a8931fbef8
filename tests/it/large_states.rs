//! Circuits of 26 qubits, whose states take a gibibyte each, on a real worker.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::Worker;
use crate::support::{App, QueueKind};

/// A circuit whose state takes 1 GiB and that is busy for hours.
const ENDLESS: &str = "OPENQASM 3; qubit[26] q; x q; t q[25]; while (true) { h q; }";
/// One whose state takes as much and that touches it a few times only.
const SHORT: &str = "OPENQASM 3; qubit[26] q; t q[25]; x q; measure q[25];";
const LIMIT: Duration = Duration::from_secs(100);
/// Seen by the simulator within 50 ms; a gibibyte is given back; the outcome is stored and read. All of that on a
/// machine that may do other things as well.
const CANCELLED_WITHIN: Duration = Duration::from_secs(3);

fn worker(memory_mib: &str) -> Worker {
    Worker::new("w", "simulator").args(&[
        "--concurrency",
        "2",
        "--simulator-memory-mib",
        memory_mib,
    ])
}

/// Waits until the worker has so much memory: the state of a circuit is being worked on.
async fn until_memory(app: &App, kib: u64) {
    let look = || async { (app.workers[0].peak_memory_kib() >= kib).then_some(()) };
    crate::support::wait::eventually(LIMIT, "a state in memory", look).await;
}

#[tokio::test]
async fn a_circuit_of_26_qubits_is_cancelled_within_moments() {
    let app = App::builder(QueueKind::Postgres)
        .worker(worker("1024"))
        .start()
        .await;
    let task_id = app
        .submit(&json!({"circuit": ENDLESS, "timeout_seconds": 600}))
        .await;
    until_memory(&app, 1 << 20).await;
    let asked = Instant::now();
    assert_eq!(
        app.cancel(task_id).await.expect(200)["status"],
        "processing"
    );
    app.wait_status(task_id, "cancelled").await;
    let took = asked.elapsed();
    println!("cancelled within {} ms", took.as_millis());
    assert!(took < CANCELLED_WITHIN, "{took:?}");
    app.finish().await;
}

#[tokio::test]
async fn two_circuits_of_26_qubits_run_one_after_the_other_where_only_one_fits() {
    let app = App::builder(QueueKind::Postgres)
        .worker(worker("1536"))
        .start()
        .await;
    let first = app
        .submit(&json!({"circuit": ENDLESS, "timeout_seconds": 600}))
        .await;
    until_memory(&app, 1 << 20).await;
    let second = app
        .submit(&json!({"circuit": SHORT, "shots": 3, "timeout_seconds": 600}))
        .await;
    // The worker has taken both, and the second waits for the memory of the first.
    app.wait_status(second, "processing").await;
    app.cancel(first).await.expect(200);
    let first = app.wait_terminal(first, LIMIT).await;
    assert_eq!(first["status"], "cancelled", "{first}");
    let second = app.wait_terminal(second, LIMIT).await;
    assert_eq!(second["result"], json!({"1": 3}), "{second}");
    let ended = |task: &Value| task["completed_at"].as_str().expect("a time").to_owned();
    assert!(ended(&first) < ended(&second), "{first}\n{second}");
    let peak = app.workers[0].peak_memory_kib();
    println!("the worker had {} MiB", peak >> 10);
    assert!(peak < (1536 + 128) << 10, "{peak} KiB");
    app.finish().await;
}
