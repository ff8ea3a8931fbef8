//! A registry and names of backends that somebody fills: what is remembered, listed and refused stays small.

use serde_json::{Value, json};

use crate::support::app::Worker;
use crate::support::client::send;
use crate::support::http_worker::{HttpWorker, problem};
use crate::support::wait::{DEADLINE, eventually, free_port};
use crate::support::{App, QueueKind};

async fn start() -> App {
    App::builder(QueueKind::Postgres).start().await
}

/// Living workers `w1` to `w{count}` that serve 32 backends each.
async fn fill(app: &App, count: i32) {
    let names = "INSERT INTO workers (worker_id, session_id, backends, lease_ms)
                 SELECT 'w' || n, gen_random_uuid(), ARRAY(SELECT 'b' || n || '-' || m FROM generate_series(1, 32) AS m),
                        3600000
                 FROM generate_series(1, $1::integer) AS n";
    app.database.execute(names, &[&count]).await;
}

fn batch(backends: impl Iterator<Item = String>) -> Value {
    let tasks: Vec<Value> = backends
        .map(|backend| problem(&backend, &json!({})))
        .collect();
    json!({"tasks": tasks})
}

#[tokio::test]
async fn a_bad_batch_costs_little_however_many_backends_are_registered() {
    let app = start().await;
    fill(&app, 5_000).await;
    app.submit(&problem("b1-1", &json!({}))).await;
    let before = app.apis[0].peak_memory_kib();
    let bad = batch((0..1_000).map(|n| format!("{n:064}")));
    let refused = app.post("/tasks/batch", &bad).await;
    let size = refused.body.to_string().len();
    assert!(size < 100 << 10, "{size} bytes");
    let message = refused.body["errors"]["tasks[0].backend"].to_string();
    assert!(message.contains("which GET /backends lists"), "{message}");
    assert_eq!(refused.expect_problem(422), "validation_failed");
    let grown = app.apis[0].peak_memory_kib() - before;
    assert!(grown < 50 << 10, "grew by {grown} KiB");
}

#[tokio::test]
async fn a_backend_is_unknown_once_no_registered_worker_serves_it() {
    let app = start().await;
    HttpWorker::register(&app, "w", "short-lived").await;
    let task = problem("short-lived", &json!({}));
    app.submit(&task).await;
    let leave = "DELETE FROM workers WHERE worker_id = 'w'";
    app.database.execute(leave, &[]).await;
    let refused = || async {
        let reply = app.post("/tasks", &task).await;
        (reply.status == 422).then_some(reply.body)
    };
    let body = eventually(DEADLINE, "the name is unknown", refused).await;
    let message = body["errors"]["backend"].as_str().unwrap_or_default();
    assert!(!message.contains("known are short-lived"), "{message}");
    app.submit(&problem("aiopslab", &json!({}))).await;
}

#[tokio::test]
async fn backends_are_listed_page_by_page_and_each_once() {
    let app = start().await;
    fill(&app, 70).await;
    let all = async |limit: &str| {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/backends?{limit}{cursor}");
            let page = app.get(&path).await.expect(200);
            let backends = page["backends"].as_array().expect("backends").iter();
            names.extend(backends.map(|it| it["backend"].as_str().expect("a name").to_owned()));
            let Some(next) = page["next_cursor"].as_str() else {
                return names;
            };
            assert_eq!(names.last().map(String::as_str), Some(next));
            cursor = format!("&cursor={next}");
        }
    };
    let mut names = all("limit=99").await;
    assert_eq!(names, all("").await);
    names.sort_unstable();
    names.dedup();
    // Those of the configuration beside them.
    assert_eq!(names.len(), 70 * 32 + 3);
    for wrong in ["limit=0", "limit=1001", "cursor=%20", "colour=red"] {
        let refused = app.get(&format!("/backends?{wrong}")).await;
        assert_eq!(refused.expect_problem(422), "validation_failed");
    }
}

#[tokio::test]
async fn ended_sessions_give_way_to_new_names_in_the_order_of_their_ends() {
    let app = start().await;
    fill(&app, 10_000).await;
    let end = "UPDATE workers SET ended_at = clock_timestamp() - $2 * interval '1 minute' WHERE worker_id = $1";
    for (name, minutes) in [("w1", 2.0_f64), ("w2", 3.0), ("w3", 1.0)] {
        app.database.execute(end, &[&name, &minutes]).await;
    }
    let ended = async || {
        let rows = app.database.connect().await;
        let query = "SELECT worker_id FROM workers WHERE ended_at IS NOT NULL ORDER BY ended_at";
        let rows = rows.query(query, &[]).await.expect("workers");
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    HttpWorker::register(&app, "new-1", "b").await;
    assert_eq!(ended().await, ["w1", "w3"]);
    // A name that is known takes nobody's place.
    HttpWorker::register_with(&app, "new-1", "b", &json!({"replace": true})).await;
    HttpWorker::register(&app, "w3", "b").await;
    assert_eq!(ended().await, ["w1"]);
    HttpWorker::register(&app, "new-2", "b").await;
    let count = "SELECT count(*) FROM workers";
    assert_eq!(app.database.count(count, &[]).await, 10_000);
    let body = json!({"worker_id": "new-3", "backends": ["b"]});
    let refused = app.post("/workers/register", &body).await;
    assert_eq!(refused.expect_problem(503), "too_many_workers");
}

#[tokio::test]
async fn a_native_worker_that_finds_a_registry_full_of_living_workers_says_so() {
    let mut app = start().await;
    fill(&app, 10_000).await;
    let port = free_port().to_string();
    app.spawn_worker(&Worker::new("late", "mock").args(&["--health-port", &port]));
    let worker = &app.workers[0];
    let refused = worker.wait_for("worker.registration_failed").await;
    let says = "the registry is full: 10000 workers are alive";
    let reason = refused.field("reason").unwrap_or_default();
    assert!(reason.starts_with(says), "{reason}");
    let client = crate::support::client::http_client();
    let ready = async |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        send(client.get(url)).await.ok()
    };
    let reply = ready("/readyz").await.expect("an answer");
    let text = reply.body.as_str().unwrap_or_default();
    assert_eq!(reply.status, 503);
    assert!(text.contains(says), "{text}");

    let end = "UPDATE workers SET ended_at = clock_timestamp() WHERE worker_id = 'w7'";
    app.database.execute(end, &[]).await;
    worker.wait_for("worker.ready").await;
    let is_ready = async || (ready("/readyz").await?.status == 200).then_some(());
    eventually(DEADLINE, "the worker is ready", is_ready).await;
    let gone = "SELECT count(*) FROM workers WHERE worker_id = 'w7'";
    assert_eq!(app.database.count(gone, &[]).await, 0);
}
