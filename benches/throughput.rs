//! Submission and completion rates in circuits per second, compared with the commit rate of the machine's
//! PostgreSQL.
//!
//! `just bench` runs it with the PostgreSQL and RabbitMQ of the tests. Machines differ and measurements are
//! noisy: compare the ratio to the baseline of the same run, which commits one row at a time over as many
//! connections as a naive service would use.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    unused_imports,
    unused_macros,
    reason = "a benchmark stops where a test would; it does not need all of the harness"
)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::app::Worker;
use support::{App, QueueKind, TestDatabase};

const MEASURED: Duration = Duration::from_secs(5);
const YARDSTICK_CONNECTIONS: usize = 8;
const SUBMITTERS: [usize; 3] = [1, 16, 64];

#[tokio::main]
async fn main() {
    let yardstick = commits_per_second().await;
    println!(
        "yardstick: {yardstick:.0} one-row commits/s on {YARDSTICK_CONNECTIONS} connections\n"
    );
    println!("queue      clients  accepted/s  ratio   p50 ms   p99 ms  completed/s  ratio");
    for kind in [QueueKind::Amqp, QueueKind::Postgres] {
        for submitters in SUBMITTERS {
            let run = measure(kind, submitters).await;
            let (accepted, completed) = (run.accepted_per_second, run.completed_per_second);
            println!(
                "{:<10} {submitters:>7} {accepted:>11.0} {:>6.2} {:>8.1} {:>8.1} {completed:>12.0} {:>6.2}",
                format!("{kind:?}").to_lowercase(),
                accepted / yardstick,
                run.p50.as_secs_f64() * 1e3,
                run.p99.as_secs_f64() * 1e3,
                completed / yardstick,
            );
        }
    }
}

/// Baseline: inserts rows of a task's size, one per statement and commit, with all connections busy.
async fn commits_per_second() -> f64 {
    let database = TestDatabase::create().await;
    let table =
        "CREATE TABLE yardstick (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, circuit text)";
    database.execute(table, &[]).await;
    let began = Instant::now();
    let mut writers = Vec::new();
    for _ in 0..YARDSTICK_CONNECTIONS {
        let client = database.connect().await;
        writers.push(tokio::spawn(async move {
            let insert =
                client.prepare("INSERT INTO yardstick (circuit) VALUES (repeat('x', 120))");
            let insert = insert.await.expect("a statement");
            let mut written = 0_u32;
            while began.elapsed() < MEASURED {
                client.execute(&insert, &[]).await.expect("a row");
                written += 1;
            }
            written
        }));
    }
    let mut written = 0;
    for writer in writers {
        written += writer.await.expect("a writer");
    }
    f64::from(written) / began.elapsed().as_secs_f64()
}

struct Run {
    accepted_per_second: f64,
    completed_per_second: f64,
    p50: Duration,
    p99: Duration,
}

async fn measure(kind: QueueKind, submitters: usize) -> Run {
    let worker = Worker::new("bench", "mock").args(&["--concurrency", "64"]);
    let app = App::builder(kind)
        .worker(worker)
        .env("LOG_LEVEL", "warn,qtask::worker=info,qtask::cli=info")
        .env("QTASK_HEARTBEAT_INTERVAL", "5s")
        .env("QTASK_LEASE_DURATION", "15s")
        .start()
        .await;
    let began = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..submitters {
        let (http, url) = (reqwest::Client::new(), app.url(0, "/tasks"));
        let task = json!({"backend": "mock", "circuit": "x".repeat(120)});
        clients.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < MEASURED {
                let sent = Instant::now();
                let answer = http.post(&url).json(&task).send().await.expect("an answer");
                assert_eq!(answer.status(), 201);
                answer.bytes().await.expect("a body");
                latencies.push(sent.elapsed());
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await.expect("a client"));
    }
    let submitting = began.elapsed();
    let accepted = latencies.len();
    while app.database.tasks_in("completed").await < i64::try_from(accepted).expect("a count") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let completing = began.elapsed();
    latencies.sort_unstable();
    let accepted_count = f64::from(u32::try_from(accepted).expect("a count"));
    Run {
        accepted_per_second: accepted_count / submitting.as_secs_f64(),
        completed_per_second: accepted_count / completing.as_secs_f64(),
        p50: latencies[accepted / 2],
        p99: latencies[accepted * 99 / 100],
    }
}
