//! A process that stands still keeps nothing of the database for longer than its statements may take.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::metrics::scrape::scrape;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestDatabase};

/// A backend is ended after two statements of full length and ten seconds; what a slow machine takes comes on top.
const LIMIT: Duration = Duration::from_secs(90);

/// One API, to be stopped; the test starts a second one that sweeps.
async fn start(timeout: &str) -> App {
    let builder = App::builder(QueueKind::Postgres);
    builder.env("DATABASE_TIMEOUT", timeout).start().await
}

async fn backend(database: &TestDatabase, condition: &str) -> Option<i32> {
    let query = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
    );
    let row = database.connect().await.query_opt(&query, &[]).await;
    row.expect("one backend").map(|row| row.get(0))
}

async fn wait_ended(app: &App, pid: i32) {
    let left = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
    let ended = || async { (app.database.count(left, &[&pid]).await == 0).then_some(()) };
    eventually(LIMIT, "the end of a backend that nobody reads from", ended).await;
}

/// Pushes until the backend waits for its client again and again: a full buffer that is being emptied is no block.
async fn wait_blocked(app: &App, pid: i32, mut push: impl AsyncFnMut()) {
    let blocked = format!("pid = {pid} AND wait_event = 'ClientWrite'");
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let mut in_row = 0;
    while in_row < 5 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{pid} is not blocked"
        );
        push().await;
        let is_blocked = backend(&app.database, &blocked).await.is_some();
        in_row = if is_blocked { in_row + 1 } else { 0 };
    }
}

#[tokio::test]
async fn a_process_that_stands_still_stops_listening_and_listens_again_when_it_goes_on() {
    let mut app = start("3s").await;
    app.apis[0].wait_for("database.listener_connected").await;
    let listens = "query LIKE 'LISTEN%'";
    let listener = backend(&app.database, listens).await.expect("a listener");
    app.spawn_api();
    app.wait_ready().await;
    let mark = app.apis[0].events().len();
    app.apis[0].pause().await;
    // More than the buffers between the two hold.
    let client = app.database.connect().await;
    let flood = "SELECT pg_notify('qtask_changed', repeat('x', 7000) || n) FROM generate_series(1, 300) AS n";
    wait_blocked(&app, listener, async || {
        client.batch_execute(flood).await.expect("notifications");
    })
    .await;
    wait_ended(&app, listener).await;
    app.apis[1].wait_for("database.connection_terminated").await;
    let other = scrape(&app.url(1, "/metrics")).await;
    assert!(other["qtask_database_connections_terminated_total"] >= 1.0);

    app.apis[0].resume();
    let again = |event: &crate::support::events::Event| event.is("database.listener_connected");
    app.apis[0].wait_after(mark, "listening again", again).await;
    let task_id = app
        .submit(&json!({"circuit": "x", "backend": "mock"}))
        .await;
    let waiting = reqwest::get(app.url(0, &format!("/tasks/{task_id}?wait=60")));
    let (task, _) = tokio::join!(waiting, app.cancel(task_id));
    let task: serde_json::Value = task.expect("an answer").json().await.expect("a task");
    assert_eq!(task["status"], "cancelled");
    app.finish().await;
}

/// A circuit that no buffer holds, written beside the service.
const HUGE: &str = "UPDATE tasks SET circuit = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 700000) AS n)
    WHERE task_id = $1";

#[tokio::test]
async fn a_process_that_stands_still_while_it_reads_keeps_no_snapshot() {
    let mut app = start("15s").await;
    app.spawn_api();
    app.wait_ready().await;
    let task_id: Uuid = app
        .submit(&json!({"circuit": "x", "backend": "mock"}))
        .await;
    assert_eq!(app.database.execute(HUGE, &[&task_id]).await, 1);
    // Prepared before: a statement that waits for its tables when it is prepared is not carried out by that.
    let nobody = format!("/tasks/{}", Uuid::nil());
    app.get(&nobody).await.expect(404);
    let mut holder = app.database.connect().await;
    let lock = holder.transaction().await.expect("a transaction");
    let all = "LOCK TABLE status_history IN ACCESS EXCLUSIVE MODE";
    lock.batch_execute(all).await.expect("the lock");
    let url = app.url(0, &format!("/tasks/{task_id}?include=circuit"));
    let reading = tokio::spawn(async move { reqwest::get(url).await });
    let reader = app.database.wait_for_a_table("SELECT%").await;
    app.apis[0].pause().await;
    lock.rollback().await.expect("the end of the lock");
    wait_blocked(&app, reader, async || tokio::task::yield_now().await).await;
    wait_ended(&app, reader).await;
    app.apis[0].resume();
    let _ = reading.await;
    app.get("/tasks").await.expect(200);
}
