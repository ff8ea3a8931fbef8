//! Clients that do not read what they have asked for: they cost bounded memory, are cut off, and others are served.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::support::certificates::Authority;
use crate::support::client::send;
use crate::support::mocks::mock;
use crate::support::raw_http::{self, Connection};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind};

/// How many clients ask for each answer and read nothing of it.
const CROWD: usize = 110;
/// What all of them together may take, in KiB: without a bound it is gigabytes.
const MOST_GROWTH_KIB: u64 = 600 << 10;
/// The size of the result that is read, in bytes.
const RESULT: usize = 8_000_000;

async fn start() -> App {
    App::builder(QueueKind::Postgres)
        .env("QTASK_HTTP_WRITE_TIMEOUT", "4s")
        .start()
        .await
}

/// A completed task with a large result and a long log.
async fn large_task(app: &App) -> Uuid {
    let puller = WorkerRows::register(&app.database, "w").await;
    let task_id = puller.submit_and_claim(app, &mock("")).await;
    let lines = "INSERT INTO task_logs (task_id, attempt, logged_at, level, message)
                 SELECT $1, 1, now(), 'info', repeat('y', 60000) FROM generate_series(1, 200)";
    app.database.execute(lines, &[&task_id]).await;
    let result = json!({"text": "x".repeat(RESULT)});
    let body = puller.body(1, &json!({"result": result}));
    let path = format!("/tasks/{task_id}/complete");
    app.post(&path, &body).await.expect(200);
    task_id
}

/// Asks for a path, and does not read the answer.
async fn ask(app: &App, path: &str) -> TcpStream {
    let stream = TcpStream::connect(raw_http::address(app)).await;
    let mut stream = stream.expect("a connection");
    let asked = raw_http::ask(&mut stream, path).await;
    asked.expect("a request that is sent");
    stream
}

/// Whether the whole task is answered to somebody who reads it.
async fn is_read(app: &App, task_id: Uuid) -> bool {
    let request = app.request(Method::GET, &format!("/tasks/{task_id}"));
    let reply = send(request).await.expect("an answer");
    let length = reply.body["result"]["text"].as_str().map(str::len);
    assert!(
        length == Some(RESULT) || reply.status == 503,
        "{} {length:?}",
        reply.status
    );
    length.is_some()
}

#[tokio::test]
async fn clients_that_read_nothing_cost_little_and_others_are_served() {
    let app = start().await;
    let task_id = large_task(&app).await;
    let small = app.submit(&mock("")).await;
    assert!(is_read(&app, task_id).await);
    let before = app.apis[0].peak_memory_kib();
    let mut crowd = Vec::new();
    for path in [
        format!("/tasks/{task_id}"),
        format!("/tasks/{task_id}/events"),
        format!("/tasks/{task_id}/logs?limit=1000"),
        "/docs/swagger-ui-bundle.js".to_owned(),
    ] {
        for _ in 0..CROWD {
            crowd.push(ask(&app, &path).await);
        }
    }
    // The database may have to read for the crowd first.
    for path in [
        format!("/tasks/{small}"),
        "/tasks".to_owned(),
        "/health".to_owned(),
    ] {
        let served = async || (app.get(&path).await.status == 200).then_some(());
        eventually(DEADLINE, &format!("an answer to GET {path}"), served).await;
    }
    // The memory of those that are cut off is free again, though they keep their end of the connection.
    let served = async || is_read(&app, task_id).await.then_some(());
    eventually(
        DEADLINE * 2,
        "a large answer to somebody who reads it",
        served,
    )
    .await;
    let grown = app.apis[0].peak_memory_kib() - before;
    assert!(grown < MOST_GROWTH_KIB, "grew by {grown} KiB");
    drop(crowd);
    app.cancel(small).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_it() {
    let app = start().await;
    let task_id = large_task(&app).await;
    read_slowly(&mut ask(&app, &format!("/tasks/{task_id}")).await).await;
    app.finish().await;
}

/// Reads a large answer for longer than a client may take nothing.
async fn read_slowly(stream: &mut impl Connection) {
    let (mut taken, mut part) = (0, vec![0; 64 << 10]);
    let mut pause = tokio::time::interval(Duration::from_millis(40));
    while taken < RESULT {
        pause.tick().await;
        let read = stream.read(&mut part).await.expect("more of the answer");
        assert!(read > 0, "the connection ended after {taken} bytes");
        taken += read;
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let app = start().await;
    let task_id = large_task(&app).await;
    let mut stream = ask(&app, &format!("/tasks/{task_id}")).await;
    app.apis[0].wait_for("api.slow_client_disconnected").await;
    // What the kernel still has comes, and then the end.
    let rest = raw_http::rest(&mut stream).await;
    assert!(rest.len() < RESULT, "{}", rest.len());
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_over_tls_is_cut_off_and_one_that_reads_slowly_is_not() {
    let authority = Authority::new();
    let files = authority.server(&["localhost", "127.0.0.1"]);
    let builder = App::builder(QueueKind::Postgres).https(&authority, &files);
    let app = builder.env("QTASK_HTTP_WRITE_TIMEOUT", "4s").start().await;
    let task_id = large_task(&app).await;
    let path = format!("/tasks/{task_id}");
    let connect = async || {
        let stream = raw_http::connect_tls(&app, &authority, "localhost").await;
        let mut stream = stream.expect("TLS");
        raw_http::ask(&mut stream, &path).await.expect("a request");
        stream
    };
    let (mut idle, mut slow) = (connect().await, connect().await);
    read_slowly(&mut slow).await;
    app.apis[0].wait_for("api.slow_client_disconnected").await;
    let rest = raw_http::rest(&mut idle).await;
    assert!(rest.len() < RESULT, "{}", rest.len());
    app.finish().await;
}
