//! Batches whose broker goes away before them, or between their commit and their messages.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::task;
use crate::outages::{
    Reachable, assert_refused, assert_stored, silenced_after_commit, wait_for_insertion,
    wait_health, wait_healthy,
};
use crate::support::answers::id_of;
use crate::support::app::Worker;
use crate::support::client::{Reply, send};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind};

fn batch(tasks: usize) -> Value {
    json!({"tasks": vec![task(); tasks]})
}

async fn post(reachable: &Reachable, key: Option<&str>, body: &Value) -> Reply {
    let request = reachable
        .app
        .request(Method::POST, "/tasks/batch")
        .json(body);
    let request = match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    };
    send(request).await.expect("an answer")
}

async fn wait_completed(app: &App, tasks: i64) {
    let database = &app.database;
    eventually(DEADLINE, "all tasks completed", || async {
        (database.tasks_in("completed").await == tasks).then_some(())
    })
    .await;
    let moves = "SELECT count(*) FROM status_history";
    assert_eq!(database.count(moves, &[]).await, tasks * 3, "each ran once");
}

#[tokio::test]
async fn without_its_broker_a_batch_is_refused_and_a_repetition_finds_its_tasks() {
    let reachable = Reachable::start(QueueKind::Amqp).await;
    let first = post(&reachable, Some("k"), &batch(3)).await.expect(201);
    wait_completed(&reachable.app, 3).await;
    let rabbit = reachable.rabbit.as_ref().expect("a broker");
    rabbit.cut();
    wait_health(&reachable.app, |health| health["status"] == "degraded").await;
    let began = Instant::now();
    let refused = post(&reachable, None, &batch(3)).await;
    assert_refused(&refused, began, "queue_unavailable");
    assert_stored(&reachable.app.database, 3).await;
    let again = post(&reachable, Some("k"), &batch(3)).await.expect(201);
    assert_eq!(again["count"], 3);
    for n in 0..3 {
        assert_eq!(id_of(&again["tasks"][n]), id_of(&first["tasks"][n]));
    }
    let other = post(&reachable, Some("k"), &batch(2)).await;
    assert_eq!(other.expect_problem(409), "idempotency_key_reused");
    rabbit.resume();
    wait_healthy(&reachable.app).await;
    reachable.wait_worker(200).await;
    reachable.app.finish().await;
}

#[tokio::test]
async fn a_batch_whose_messages_are_not_confirmed_is_taken_back_as_a_whole() {
    let reachable = Reachable::start(QueueKind::Amqp).await;
    let rabbit = reachable.rabbit.as_ref().expect("a broker");
    let submitting = async {
        let began = Instant::now();
        let reply = post(&reachable, None, &batch(50)).await;
        assert_refused(&reply, began, "queue_unavailable");
    };
    silenced_after_commit(&reachable.app.database, rabbit, submitting).await;
    assert_stored(&reachable.app.database, 0).await;
    // What was held back on the way arrives now, and names tasks that were taken back.
    rabbit.resume();
    wait_healthy(&reachable.app).await;
    reachable.wait_worker(200).await;
    post(&reachable, None, &batch(2)).await.expect(201);
    wait_completed(&reachable.app, 2).await;
    reachable.app.finish().await;
}

#[tokio::test]
async fn a_batch_of_which_a_worker_has_a_task_already_is_accepted_after_all() {
    let reachable = Reachable::start(QueueKind::Amqp).await;
    let (app, rabbit) = (&reachable.app, reachable.rabbit.as_ref().expect("a broker"));
    // Whoever looks into PostgreSQL itself may be faster than the broker.
    let faster = "CREATE FUNCTION faster() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE tasks SET current_status = 'retrying', attempt = 1
            WHERE task_id = (SELECT max(task_id::text)::uuid FROM tasks); RETURN NULL; END $$;
        CREATE TRIGGER faster AFTER INSERT ON tasks FOR EACH STATEMENT EXECUTE FUNCTION faster();";
    let client = app.database.connect().await;
    client.batch_execute(faster).await.expect("a trigger");
    let submitting = async { post(&reachable, None, &batch(20)).await.expect(201) };
    let accepted = silenced_after_commit(&app.database, rabbit, submitting).await;
    assert_eq!(accepted["count"], 20);
    client
        .batch_execute("DROP TRIGGER faster ON tasks")
        .await
        .expect("no trigger");
    rabbit.resume();
    eventually(DEADLINE, "all tasks completed", || async {
        (app.database.tasks_in("completed").await == 20).then_some(())
    })
    .await;
    wait_healthy(app).await;
    reachable.wait_worker(200).await;
    reachable.app.finish().await;
}

#[tokio::test]
async fn a_batch_with_a_key_is_kept_when_its_messages_are_not_confirmed() {
    let reachable = Reachable::start(QueueKind::Amqp).await;
    let rabbit = reachable.rabbit.as_ref().expect("a broker");
    let submitting = async { post(&reachable, Some("k"), &batch(50)).await.expect(201) };
    let database = &reachable.app.database;
    let first = silenced_after_commit(database, rabbit, submitting).await;
    let unsent = "SELECT count(*) FROM tasks WHERE dispatched_at IS NULL";
    assert_eq!(database.count(unsent, &[]).await, 50, "left to the sweep");
    rabbit.resume();
    wait_completed(&reachable.app, 50).await;
    wait_healthy(&reachable.app).await;
    let again = post(&reachable, Some("k"), &batch(50)).await.expect(201);
    assert_eq!(id_of(&again["tasks"][49]), id_of(&first["tasks"][49]));
    reachable.wait_worker(200).await;
    reachable.app.finish().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_its_batch_whole() {
    // The sweep would make up for messages that were never sent.
    let app = App::builder(QueueKind::Amqp)
        .env("QTASK_REPUBLISH_AFTER", "1h")
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let mut holder = app.database.connect().await;
    let lock = holder.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE tasks IN SHARE MODE")
        .await
        .expect("the lock");
    let address = app.url(0, "").replace("http://", "");
    let body = batch(50).to_string();
    let request = format!(
        "POST /tasks/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = TcpStream::connect(address).await.expect("a connection");
    client
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    wait_for_insertion(&app.database).await;
    // A reset: the service need not wait for the other half of the connection.
    client.set_zero_linger().expect("no lingering");
    drop(client);
    // By then every thread of the service has looked at its connections.
    for _ in 0..20 {
        app.get("/livez").await.expect(200);
    }
    lock.rollback().await.expect("the end of the lock");
    wait_completed(&app, 50).await;
    app.finish().await;
}
