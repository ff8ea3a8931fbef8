//! PostgreSQL's clock is set by an hour, forward or back: nothing that runs is lost, and nothing waits for the clock to
//! catch up.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::metrics::scrape::of_api;
use crate::support::app::Worker;
use crate::support::app_builder::AppBuilder;
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, id_of, keep_alive, problem};
use crate::support::mocks::{claimed, completed, created, lost, mock, mock_with, reorder};
use crate::support::sweeps::sweeps;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, Receiver, TestDatabase, on_both_queues};

const LIMIT: Duration = DEADLINE;

async fn builder(kind: QueueKind) -> AppBuilder {
    App::builder(kind).database(TestDatabase::create_with_clock().await)
}

fn worker(name: &str) -> Worker {
    Worker::new(name, "mock")
}

/// Sets the clock, and waits until the sweeps have noticed.
async fn set_clock(app: &App, hours: i32) {
    app.database.set_clock(hours).await;
    let noticed = "SELECT count(*) FROM sweeps WHERE duty = 'reap' \
                   AND steady_since BETWEEN clock_timestamp() - interval '20 minutes' AND clock_timestamp() \
                   AND last_run_at BETWEEN clock_timestamp() - interval '20 minutes' AND clock_timestamp()";
    let sweep = || async { (app.database.count(noticed, &[]).await == 1).then_some(()) };
    eventually(DEADLINE, "a sweep that has noticed the step", sweep).await;
}

/// Lets the time pass that sweeps give workers after a pause, once each worker has renewed its lease since.
async fn a_minute_of_sweeps_passes(app: &App) {
    let silent = "SELECT count(*) FROM workers WHERE ended_at IS NULL \
                  AND last_heartbeat_at NOT BETWEEN clock_timestamp() - interval '10 minutes' AND clock_timestamp()";
    let renewed = || async { (app.database.count(silent, &[]).await == 0).then_some(()) };
    eventually(DEADLINE, "heartbeats after the step", renewed).await;
    let passed = "UPDATE sweeps SET unbroken_since = unbroken_since - interval '1 minute' WHERE duty = 'reap'";
    assert_eq!(app.database.execute(passed, &[]).await, 1);
    sweeps(&app.database, 3).await;
}

async fn status(app: &App, task_id: Uuid) -> String {
    let row = app.database.task(task_id).await;
    row["current_status"].as_str().expect("a status").to_owned()
}

on_both_queues!(
    a_step_takes_no_running_task_from_its_worker,
    a_clock_set_back_makes_no_waiting_task_wait,
    a_dead_workers_task_is_released_whatever_the_clock_says,
);

async fn a_step_takes_no_running_task_from_its_worker(kind: QueueKind) {
    let builder = builder(kind).await.env("QTASK_LEASE_DURATION", "20s");
    let mut app = builder.worker(worker("w")).start().await;
    let task = mock_with("hang", &json!({"timeout_seconds": 120}));
    let task_id = app.submit(&task).await;
    app.wait_status(task_id, "processing").await;
    for hours in [1, -2] {
        set_clock(&app, hours).await;
        a_minute_of_sweeps_passes(&app).await;
        assert_eq!(status(&app, task_id).await, "processing", "after {hours} h");
    }
    let history = [created(), claimed(1, "w")];
    assert_eq!(app.database.history(task_id).await, history);
    let steps = of_api(&app).await["qtask_database_clock_steps_total"];
    assert!(steps >= 2.0, "{steps}");
    app.cancel(task_id).await.expect(200);
    app.wait_status(task_id, "cancelled").await;
    app.workers[0].assert_no_panic();
    app.workers[0].terminate().await;
    app.workers.clear();
    app.finish().await;
}

async fn a_clock_set_back_makes_no_waiting_task_wait(kind: QueueKind) {
    let mut app = builder(kind).await.start().await;
    let early = app.submit(&mock("")).await;
    set_clock(&app, -1).await;
    let late = app.submit(&mock("")).await;
    app.start_worker(&worker("w")).await;
    for task_id in [early, late] {
        app.wait_status(task_id, "completed").await;
        let history = [created(), claimed(1, "w"), completed(1, "w")];
        assert_eq!(app.database.history(task_id).await, history);
    }
    app.finish().await;
}

async fn a_dead_workers_task_is_released_whatever_the_clock_says(kind: QueueKind) {
    for hours in [1, -1] {
        let mut app = builder(kind).await.worker(worker("dying")).start().await;
        let task_id = app.submit(&mock("hang")).await;
        app.wait_status(task_id, "processing").await;
        reorder(&app.database, task_id, "").await;
        app.workers[0].kill9().await;
        app.database.set_clock(hours).await;
        app.start_worker(&worker("living")).await;
        app.wait_status(task_id, "completed").await;
        let history = [
            created(),
            claimed(1, "dying"),
            lost("retrying", 1, "dying"),
            claimed(2, "living"),
            completed(2, "living"),
        ];
        assert_eq!(
            app.database.history(task_id).await,
            history,
            "after {hours} h"
        );
        app.workers.remove(0);
        app.finish().await;
    }
}

#[tokio::test]
async fn a_retry_is_due_when_the_clock_was_set_back_and_those_before_it_keep_their_place() {
    let builder = builder(QueueKind::Postgres).await;
    let app = builder
        .env("QTASK_LEASE_DURATION", "1h")
        .env("QTASK_RETRY_DELAY", "1h")
        .env("QTASK_RETRY_DELAY_MAX", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let first = app.submit(&problem("b", &json!({}))).await;
    let task = w.claim_one(&app).await;
    let failure = json!({"code": "cluster_down", "message": "gone", "retry": true});
    w.write(&app, &task, "fail", &failure).await.expect(200);
    let second = app.submit(&problem("b", &json!({}))).await;
    set_clock(&app, -3).await;
    let third = app.submit(&problem("b", &json!({}))).await;
    let brought = || async {
        let ahead = "SELECT count(*) FROM tasks WHERE available_at > clock_timestamp()";
        (app.database.count(ahead, &[]).await == 0).then_some(())
    };
    eventually(LIMIT, "tasks that wait for nothing", brought).await;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(id_of(&w.claim_one(&app).await));
    }
    assert_eq!(order, [first, second, third]);
    app.abandon_work();
}

#[tokio::test]
async fn a_key_names_its_request_though_the_clock_was_set_forward() {
    let builder = builder(QueueKind::Postgres).await;
    let app = builder.env("QTASK_IDEMPOTENCY_WINDOW", "10m").start().await;
    let api = Contract::of(&app).await;
    let task = json!({"circuit": "x", "backend": "mock"});
    let first = api.post_keyed("/tasks", "k", &task).await.expect(201);
    app.database.set_clock(1).await;
    let again = api.post_keyed("/tasks", "k", &task).await.expect(201);
    assert_eq!(again["task_id"], first["task_id"]);
    set_clock(&app, 0).await;
    sweeps(&app.database, 3).await;
    let again = api.post_keyed("/tasks", "k", &task).await.expect(201);
    assert_eq!(again["task_id"], first["task_id"]);
}

#[tokio::test]
async fn a_call_that_is_owed_does_not_wait_for_a_clock_that_was_set_back() {
    let receiver = Receiver::start(&["500 Oops", "204 No Content"]).await;
    let builder = builder(QueueKind::Postgres).await;
    let app = builder
        .env("QTASK_WEBHOOK_ALLOWED_HOSTS", "127.0.0.0/8")
        .env("QTASK_WEBHOOK_RETRY_DELAY", "1h")
        .worker(worker("w"))
        .start()
        .await;
    let url = receiver.url("127.0.0.1", "/done");
    app.submit(&mock_with("", &json!({"callback_url": url})))
        .await;
    receiver.wait_for(1).await;
    let put_off = "SELECT count(*) FROM webhooks WHERE last_error IS NOT NULL";
    let noted = || async { (app.database.count(put_off, &[]).await == 1).then_some(()) };
    eventually(LIMIT, "a call that is put off", noted).await;
    set_clock(&app, -3).await;
    receiver.wait_for(2).await;
    app.finish().await;
}

#[tokio::test]
async fn a_name_is_not_given_away_because_the_clock_was_set_forward() {
    let builder = builder(QueueKind::Postgres).await;
    let app = builder.env("QTASK_LEASE_DURATION", "30s").start().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    app.database.set_clock(1).await;
    let body = json!({"worker_id": "w", "backends": ["b"]});
    let refused = app.post("/workers/register", &body).await;
    assert_eq!(refused.expect_problem(409), "worker_name_in_use");
    w.beat(&app, &[]).await.expect(200);
}

#[tokio::test]
async fn a_cancelled_task_is_taken_from_a_deaf_worker_though_the_clock_was_set_back() {
    let builder = builder(QueueKind::Postgres).await;
    let app = builder.env("QTASK_CANCEL_GRACE", "300ms").start().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let cancelled = async {
        let task_id = app.submit(&problem("b", &json!({}))).await;
        w.claim_one(&app).await;
        // Held while the clock is set, so that no sweep comes in between.
        let holder = app.database.connect().await;
        let lock = "BEGIN; LOCK TABLE sweeps IN ACCESS EXCLUSIVE MODE";
        holder.batch_execute(lock).await.expect("the sweeps");
        app.cancel(task_id).await.expect(200);
        app.database.set_clock(-1).await;
        holder.batch_execute("COMMIT").await.expect("an end");
        app.wait_status(task_id, "cancelled").await
    };
    let task: Value = tokio::select! {
        () = keep_alive(&app, &w) => unreachable!("it goes on until it is dropped"),
        task = cancelled => task,
    };
    assert_eq!(task["status"], "cancelled");
}
