//! Many clients, several processes of each kind: nothing lost, nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::client::send;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

const TASKS: usize = 1_000;
const CONNECTIONS: usize = 32;
const WORKERS: [&str; 3] = ["one", "two", "three"];

/// Submits all tasks from as many connections as said, through every API in turn, and returns their ids.
async fn submit_all(app: &App, apis: usize) -> Vec<Uuid> {
    let next = AtomicUsize::new(0);
    let clients = (0..CONNECTIONS).map(|_| async {
        // A client of its own, so that it has a connection of its own to each API.
        let http = crate::support::client::http_client_builder().pool_max_idle_per_host(1).timeout(DEADLINE);
        let http = http.build().expect("an HTTP client");
        let mut ids = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= TASKS {
                return ids;
            }
            let task = json!({"circuit": format!("task {n}"), "shots": n + 1, "backend": "mock", "metadata": {"n": n}});
            let created = send(http.post(app.url(n % apis, "/tasks")).json(&task)).await;
            let created = created.expect("an answer").expect(201);
            let id: Uuid = created["task_id"].as_str().expect("an id").parse().expect("a UUID");
            ids.push(id);
        }
    });
    join_all(clients).await.concat()
}

on_both_queues!(a_thousand_submissions_from_32_connections_are_each_run_once,);

async fn a_thousand_submissions_from_32_connections_are_each_run_once(kind: QueueKind) {
    let mut builder = App::builder(kind)
        .apis(2)
        .env("LOG_LEVEL", "info")
        .env("DATABASE_POOL_SIZE", "2");
    for name in WORKERS {
        builder = builder.worker(Worker::new(name, "mock").args(&[
            "--concurrency",
            "8",
            "--mock-delay",
            "2ms",
        ]));
    }
    let app = builder.start().await;
    let ids = submit_all(&app, 2).await;
    assert_eq!(ids.len(), TASKS);
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        TASKS,
        "distinct ids"
    );

    eventually(
        Duration::from_mins(1),
        "all tasks to be completed",
        || async {
            (app.database.tasks_in("completed").await == i64::try_from(TASKS).expect("a count"))
                .then_some(())
        },
    )
    .await;
    check_rows(&app, &ids).await;
    app.finish().await;
}

/// Every task was accepted, claimed and completed once, each with its own data, and all workers had a share.
async fn check_rows(app: &App, ids: &[Uuid]) {
    let query = "SELECT t.task_id, t.metadata, t.result, t.attempt, t.shots,
                        array_agg(h.status::text ORDER BY h.id) AS statuses, max(h.worker_id) AS worker
                 FROM tasks t JOIN status_history h USING (task_id) GROUP BY t.task_id";
    let rows = app
        .database
        .connect()
        .await
        .query(query, &[])
        .await
        .expect("the tasks");
    let mut numbers = BTreeSet::new();
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        let id: Uuid = row.get("task_id");
        let statuses: Vec<String> = row.get("statuses");
        assert_eq!(statuses, ["pending", "processing", "completed"], "{id}");
        assert_eq!(row.get::<_, i32>("attempt"), 1, "{id}");
        let (metadata, result): (Value, Value) = (row.get("metadata"), row.get("result"));
        let number = metadata["n"].as_i64().expect("its number");
        let shots =
            result["00"].as_i64().expect("a count") + result["11"].as_i64().expect("a count");
        assert_eq!(
            (shots, i64::from(row.get::<_, i32>("shots"))),
            (number + 1, number + 1),
            "{id}"
        );
        numbers.insert(number);
        *shares.entry(row.get("worker")).or_default() += 1;
    }
    let stored: BTreeSet<Uuid> = rows.iter().map(|row| row.get("task_id")).collect();
    assert_eq!(
        stored,
        ids.iter().copied().collect(),
        "what was answered is what is stored"
    );
    assert_eq!(numbers.len(), TASKS);
    let names: BTreeSet<&str> = shares.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(WORKERS));
    assert!(
        shares.values().all(|share| *share >= TASKS / 20),
        "spread over all workers: {shares:?}"
    );
    let history = app
        .database
        .count("SELECT count(*) FROM status_history", &[])
        .await;
    assert_eq!(history, i64::try_from(3 * TASKS).expect("a count"));
}
