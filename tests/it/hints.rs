//! Messages are hints: repeated, wrong, late or senseless ones change nothing.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::mocks::{claimed, completed, created, mock, moved, reorder, without_delays};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestQueue};

const LIMIT: Duration = Duration::from_secs(20);

async fn start() -> App {
    App::builder(QueueKind::Amqp)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await
}

fn queue(app: &App) -> &TestQueue {
    app.queue.as_ref().expect("a queue")
}

/// Sends a message for the task, as an API would.
async fn hint(app: &App, backend: &str, task_id: Uuid) {
    let body = json!({"task_id": task_id, "backend": backend, "correlation_id": "again"});
    queue(app)
        .publish(backend, body.to_string().as_bytes())
        .await;
}

/// Submits a task and waits for its completion: what was sent before it has been dealt with by then, for one worker takes one message
/// after the other.
async fn run_one_more(app: &App) {
    let task_id = app.submit(&mock("")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [created(), claimed(1, "w1"), completed(1, "w1")];
    assert_eq!(app.database.history(task_id).await, history);
}

#[tokio::test]
async fn the_same_message_ten_times_is_one_execution() {
    let mut app = App::builder(QueueKind::Amqp).start().await;
    let task_id = app.submit(&mock("sleep 200ms")).await;
    for _ in 0..9 {
        hint(&app, "mock", task_id).await;
    }
    let eager = |name| Worker::new(name, "mock").args(&["--concurrency", "4"]);
    app.spawn_worker(&eager("w1"));
    app.start_worker(&eager("w2")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    app.assert_nothing_left_behind().await;
    let history = app.database.history(task_id).await;
    let owner = history
        .last()
        .and_then(|row| row.worker_id.clone())
        .expect("an owner");
    assert_eq!(
        history,
        [created(), claimed(1, &owner), completed(1, &owner)]
    );
    let claims = app
        .workers
        .iter()
        .flat_map(|worker| worker.events().all(|event| event.is("task.claimed")));
    assert_eq!(claims.count(), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_message_for_an_unknown_task_is_dropped_and_the_next_one_runs() {
    let app = start().await;
    let nobody = Uuid::now_v7();
    hint(&app, "mock", nobody).await;
    let dropped = "amqp.message_orphaned";
    let [worker] = &app.workers[..] else {
        panic!("one worker")
    };
    worker
        .wait_for_field(dropped, "task_id", &nobody.to_string())
        .await;
    run_one_more(&app).await;
    assert_eq!(app.database.history(nobody).await, []);
    app.finish().await;
}

#[tokio::test]
async fn senseless_messages_of_any_size_are_dropped_and_the_next_one_runs() {
    let app = start().await;
    let huge = vec![b'['; 8 << 20];
    let bodies: [&[u8]; 9] = [
        b"",
        b"not JSON",
        b"{}",
        b"[]",
        b"null",
        b"{\"task_id\": 7}",
        b"{\"task_id\": \"not a UUID\"}",
        b"\xff\xfe\x00",
        &huge,
    ];
    for body in bodies {
        queue(&app).publish("mock", body).await;
    }
    run_one_more(&app).await;
    let [worker] = &app.workers[..] else {
        panic!("one worker")
    };
    let dropped = worker
        .events()
        .all(|event| event.is("amqp.message_invalid"));
    let sizes: Vec<Option<String>> = dropped.iter().map(|event| event.field("bytes")).collect();
    assert_eq!(sizes, bodies.map(|body| Some(body.len().to_string())));
    app.finish().await;
}

#[tokio::test]
async fn a_message_for_a_task_that_has_ended_changes_nothing() {
    let app = start().await;
    let done = app.submit(&mock("")).await;
    let failed = app.submit(&mock("fail")).await;
    for task_id in [done, failed] {
        app.wait_terminal(task_id, LIMIT).await;
        let before = (
            app.database.task(task_id).await,
            app.database.history(task_id).await,
        );
        hint(&app, "mock", task_id).await;
        run_one_more(&app).await;
        let after = (
            app.database.task(task_id).await,
            app.database.history(task_id).await,
        );
        assert_eq!(before, after);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_message_for_a_task_whose_retry_is_not_due_does_not_hasten_it() {
    let worker = Worker::new("w1", "mock").args(&["--retry-delay", "4s"]);
    let app = App::builder(QueueKind::Amqp).worker(worker).start().await;
    let task_id = app.submit(&mock("fail-transient")).await;
    app.wait_status(task_id, "retrying").await;
    reorder(&app.database, task_id, "").await;
    let before = app.database.task(task_id).await;
    hint(&app, "mock", task_id).await;
    run_one_more(&app).await;
    assert_eq!(before, app.database.task(task_id).await, "it waits on");

    // The message that is due comes by itself, though the one before was taken for nothing.
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let reason = "execution_error: failed for a passing reason, as the circuit asked";
    let history = [
        created(),
        claimed(1, "w1"),
        moved("retrying", 1, "w1", reason),
        claimed(2, "w1"),
        completed(2, "w1"),
    ];
    assert_eq!(without_delays(app.database.history(task_id).await), history);
    let waited = "SELECT count(*) FROM status_history a JOIN status_history b USING (task_id) \
                  WHERE a.status = 'retrying' AND b.attempt = 2 AND b.status = 'processing' \
                    AND b.transitioned_at - a.transitioned_at >= interval '2 seconds'";
    assert_eq!(app.database.count(waited, &[]).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_message_in_the_wrong_queue_does_not_fail_its_task() {
    let mut app = start().await;
    let bell = json!({"circuit": "OPENQASM 3; qubit q; h q; measure q;", "shots": 10});
    let task_id = app.submit(&bell).await;
    // The worker serves `mock` alone, and must leave a task of the simulator to those who can run it.
    hint(&app, "mock", task_id).await;
    run_one_more(&app).await;
    assert_eq!(app.database.history(task_id).await, [created()]);

    app.start_worker(&Worker::new("w2", "simulator")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w2"), completed(1, "w2")]
    );
    app.finish().await;
}

#[tokio::test]
async fn a_task_held_for_a_busy_worker_goes_to_an_idle_one() {
    // The first worker serves two backends with one slot: while it runs a task of one, a message of the other waits in its hands.
    let both =
        Worker::new("both", "mock").args(&["--backend", "simulator", "--shutdown-grace", "100ms"]);
    let mut app = App::builder(QueueKind::Amqp).worker(both).start().await;
    let busy = app.submit(&mock("hang")).await;
    app.wait_status(busy, "processing").await;
    let waiting = app
        .submit(&json!({"circuit": "OPENQASM 3; qubit q; measure q;", "shots": 10}))
        .await;
    let taken = || async { (queue(&app).depth("simulator").await == Some(0)).then_some(()) };
    eventually(DEADLINE, "the message is in the busy worker's hands", taken).await;

    app.start_worker(&Worker::new("idle", "simulator")).await;
    assert_eq!(
        app.wait_terminal(waiting, LIMIT).await["status"],
        "completed"
    );
    assert_eq!(
        app.database.history(waiting).await,
        [created(), claimed(1, "idle"), completed(1, "idle")]
    );
    reorder(&app.database, busy, "").await;
    let [first, _] = &mut app.workers[..] else {
        panic!("two workers")
    };
    assert!(first.terminate().await.success());
    app.start_worker(&Worker::new("last", "mock")).await;
    assert_eq!(app.wait_terminal(busy, LIMIT).await["status"], "completed");
    app.workers.remove(0);
    app.finish().await;
}
