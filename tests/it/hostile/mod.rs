//! Programs that try to do harm, through the API and a real worker: each ends soon and says why, and
//! the worker goes on, in bounded memory.

mod amounts;
mod programs;
mod runs;
mod texts;

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::{App, QueueKind, TestDatabase};
use programs::{Ends, Hostile};

/// What a program may take. Without optimization, and on a machine that does other things, that is a matter of
/// patience; as it is released, the simulator has 5 s.
const LIMIT_SECONDS: u32 = if cfg!(debug_assertions) { 120 } else { 5 };
/// Those that only their timeout ends get this long.
const STOPPED_SECONDS: u32 = 1;
/// What the states of circuits may take.
const STATES_MIB: &str = "128";
/// The memory limit for long statements, whose trees count at 288 bytes for each token.
const TEXTS_MIB: &str = "256";
/// The most memory that the worker may ever have, whatever it runs.
const MEMORY_KIB: u64 = 512 << 10;
/// How long the next one to end may take.
const DEADLINE: Duration = Duration::from_secs(150);

/// What is wrong with how a program ended, if anything.
fn complaint(hostile: &Hostile, task: &Value) -> Option<String> {
    let said = task["error_message"].as_str().unwrap_or_default();
    let (status, code) = match hostile.ends {
        Ends::Completed => ("completed", Value::Null),
        Ends::Invalid => ("failed", json!("invalid_circuit")),
        Ends::Limited => ("failed", json!("resource_limit")),
        Ends::Stopped => ("failed", json!("timeout")),
    };
    let longest = said.lines().map(|line| line.chars().count()).max();
    let is_well = task["status"] == status
        && task["error_code"] == code
        && task["attempt"] == 1
        && said.len() < 10_000
        && longest.unwrap_or(0) <= 400;
    (!is_well).then(|| {
        format!(
            "{}: {} {} in {} bytes: {said:.300}",
            hostile.name,
            task["status"],
            task["error_code"],
            said.len()
        )
    })
}

/// How long the only attempt at a task took, in milliseconds.
async fn milliseconds(database: &TestDatabase, task_id: Uuid) -> i64 {
    let took = "SELECT (extract(epoch FROM completed_at - started_at) * 1000)::bigint \
                FROM tasks WHERE task_id = $1";
    database.count(took, &[&task_id]).await
}

async fn assert_harmless(programs: Vec<Hostile>, memory_mib: &str) {
    let worker = Worker::new("w", "simulator").args(&[
        "--concurrency",
        "1",
        "--simulator-memory-mib",
        memory_mib,
    ]);
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let mut ids = Vec::new();
    for hostile in &programs {
        let seconds = match hostile.ends {
            Ends::Stopped => STOPPED_SECONDS,
            _ => LIMIT_SECONDS,
        };
        let task =
            json!({"circuit": hostile.circuit, "shots": hostile.shots, "timeout_seconds": seconds});
        ids.push(app.submit(&task).await);
    }
    let mut complaints = Vec::new();
    for (hostile, task_id) in programs.iter().zip(ids) {
        let task = app.wait_terminal(task_id, DEADLINE).await;
        let took = milliseconds(&app.database, task_id).await;
        println!("{took:>8} ms  {} {}", hostile.name, task["error_code"]);
        complaints.extend(complaint(hostile, &task));
    }
    let peak = app.workers[0].peak_memory_kib();
    let number = programs.len();
    println!("{number} programs; the worker had {} MiB", peak >> 10);
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(peak < MEMORY_KIB, "{peak} KiB");
    let bell = "qubit[2] q; h q[0]; cx q[0], q[1]; measure q;";
    let good = app.submit(&json!({"circuit": bell, "shots": 10})).await;
    app.wait_status(good, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn hostile_texts_end_soon_in_bounded_memory_and_the_worker_goes_on() {
    assert_harmless(texts::all(), TEXTS_MIB).await;
}

#[tokio::test]
async fn hostile_amounts_end_soon_in_bounded_memory_and_the_worker_goes_on() {
    assert_harmless(amounts::all(), STATES_MIB).await;
}

#[tokio::test]
async fn hostile_runs_end_soon_in_bounded_memory_and_the_worker_goes_on() {
    assert_harmless(runs::all(), STATES_MIB).await;
}
