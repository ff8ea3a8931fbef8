//! What log lines say, and what they never say.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::client::{Reply, send};
use crate::support::events::Event;
use crate::support::mocks::{mock, mock_with};
use crate::support::process::{Process, run};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, Receiver, on_both_queues};

async fn submit_as(app: &App, correlation_id: &str, task: &Value) -> Uuid {
    let request = app.request(reqwest::Method::POST, "/tasks");
    let request = request
        .header("x-correlation-id", correlation_id)
        .json(task);
    let created = send(request).await.expect("an answer").expect(201);
    created["task_id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("an id")
}

async fn post_as(app: &App, correlation_id: &str, path: &str, body: &Value) -> Reply {
    let request = app.request(reqwest::Method::POST, path);
    let request = request
        .header("x-correlation-id", correlation_id)
        .json(body);
    send(request).await.expect("an answer")
}

fn is_for(event: &Event, correlation_id: &str) -> bool {
    let one = event.field("correlation_id");
    let many = event.field("correlation_ids").unwrap_or_default();
    one.as_deref() == Some(correlation_id) || many.split([',', ' ']).any(|id| id == correlation_id)
}

/// Waits for the event of this id that is for the correlation id.
async fn wait_for(process: &Process, id: &str, correlation_id: &str) -> Event {
    let what = format!("{id} for {correlation_id}");
    process
        .wait_after(0, &what, |event| {
            event.is(id) && is_for(event, correlation_id)
        })
        .await
}

async fn wait_statement(process: &Process, statement: &str, correlation_id: &str) {
    let what = format!("{statement} for {correlation_id}");
    let fits = |event: &Event| {
        event.is("database.statement")
            && event.field("statement").as_deref() == Some(statement)
            && is_for(event, correlation_id)
    };
    process.wait_after(0, &what, fits).await;
}

on_both_queues!(
    every_line_of_a_tasks_life_carries_its_correlation_id,
    no_line_holds_a_circuit_or_a_result_at_any_level,
);

async fn every_line_of_a_tasks_life_carries_its_correlation_id(kind: QueueKind) {
    let receiver = Receiver::start(&["204 No Content"]).await;
    let app = App::builder(kind)
        .env("LOG_LEVEL", "debug")
        .env("QTASK_WEBHOOK_ALLOWED_HOSTS", "127.0.0.0/8")
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let task = mock_with("", &json!({"callback_url": receiver.url("127.0.0.1", "/")}));
    let id = format!("trail-{}", Uuid::now_v7());
    let task_id = submit_as(&app, &id, &task).await;
    let (api, worker) = (&app.apis[0], &app.workers[0]);
    wait_for(api, "task.submitted", &id).await;
    let answered = wait_for(api, "request.answered", &id).await;
    assert_eq!(answered.line["level"], "INFO");
    for (name, value) in [("method", "POST"), ("route", "/tasks"), ("status", "201")] {
        assert_eq!(
            answered.field(name).as_deref(),
            Some(value),
            "{}",
            answered.line
        );
    }
    assert!(answered.line["elapsed_ms"].is_number(), "{}", answered.line);
    wait_statement(api, "insert tasks", &id).await;
    if kind == QueueKind::Amqp {
        wait_for(api, "amqp.message_published", &id).await;
        wait_for(worker, "amqp.message_delivered", &id).await;
        wait_statement(worker, "claim tasks by id", &id).await;
    }
    wait_for(worker, "task.claimed", &id).await;
    wait_for(worker, "task.completed", &id).await;
    wait_statement(worker, "settle attempts", &id).await;
    wait_for(api, "webhook.delivered", &id).await;
    wait_statement(api, "record webhook delivery", &id).await;
    for process in [api, worker] {
        let nested = process.events().all(|event| {
            let fields = event.line.as_object().expect("an object");
            fields
                .values()
                .any(|value| value.is_object() || value.is_array())
        });
        assert!(nested.is_empty(), "{nested:?}");
    }
    app.wait_status(task_id, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn claims_and_ends_over_http_carry_the_tasks_id_beside_the_requests() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let task_id = submit_as(&app, "of-the-task", &mock("")).await;
    let worker = json!({"worker_id": "w", "backends": ["mock"]});
    let session = post_as(&app, "r", "/workers/register", &worker)
        .await
        .expect(201)["session_id"]
        .clone();
    let claim = json!({"session_id": session, "max_tasks": 1, "wait": 5});
    let claimed = post_as(&app, "of-the-claim", "/workers/w/claim", &claim)
        .await
        .expect(200);
    assert_eq!(claimed["tasks"][0]["task_id"], json!(task_id));
    let result = json!({"worker_id": "w", "session_id": session, "attempt": 1, "result": {"0": 1}});
    let path = format!("/tasks/{task_id}/complete");
    post_as(&app, "of-the-end", &path, &result)
        .await
        .expect(200);
    for (id, request) in [
        ("task.claimed", "of-the-claim"),
        ("task.completed", "of-the-end"),
    ] {
        let event = wait_for(&app.apis[0], id, "of-the-task").await;
        assert_eq!(
            event.field("request_correlation_id").as_deref(),
            Some(request)
        );
        wait_for(&app.apis[0], "request.answered", request).await;
    }
}

#[tokio::test]
async fn the_loss_of_a_worker_is_told_with_the_ids_of_its_tasks() {
    let mut app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let task_id = submit_as(&app, "lost", &mock("sleep 60s")).await;
    app.wait_status(task_id, "processing").await;
    app.workers[0].kill9().await;
    wait_for(&app.apis[0], "task.worker_lost", "lost").await;
}

#[tokio::test]
async fn a_slow_statement_is_told_with_the_ids_of_its_tasks() {
    let app = App::builder(QueueKind::Postgres)
        .env("LOG_LEVEL", "warn,qtask::cli=info")
        .start()
        .await;
    let client = app.database.connect().await;
    client
        .batch_execute("BEGIN; LOCK TABLE tasks IN EXCLUSIVE MODE")
        .await
        .expect("a lock");
    let unlocking = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waits = || async { (app.database.count(waiting, &[]).await > 0).then_some(()) };
        eventually(DEADLINE, "a statement that waits", waits).await;
        client
            .batch_execute("SELECT pg_sleep(0.2); COMMIT")
            .await
            .expect("no lock");
    };
    let task = mock("");
    let (task_id, ()) = tokio::join!(submit_as(&app, "slow", &task), unlocking);
    let event = wait_for(&app.apis[0], "database.slow_statement", "slow").await;
    assert_eq!(event.field("task_id"), Some(task_id.to_string()));
}

async fn no_line_holds_a_circuit_or_a_result_at_any_level(kind: QueueKind) {
    let app = App::builder(kind)
        .env("LOG_LEVEL", "trace,tokio_postgres=trace")
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let secret = format!("secret{}", Uuid::now_v7().simple());
    let padding = "x".repeat(1_000_000);
    let circuit = format!(
        "OPENQASM 3;\n// {secret} {padding}\nqubit q; output bit {secret}; {secret} = measure q;"
    );
    let task_id = app.submit(&json!({"circuit": circuit, "shots": 1})).await;
    app.wait_terminal(task_id, DEADLINE).await;
    for process in app.apis.iter().chain(&app.workers) {
        let told = process
            .events()
            .all(|event| event.line.to_string().contains(&secret));
        assert!(told.is_empty(), "{told:?}");
        let long = process
            .events()
            .all(|event| event.line.to_string().len() > 80 << 10);
        assert_eq!(long.len(), 0);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_level_that_is_none_is_refused() {
    for level in ["loud", "info,loud", "qtask=loud"] {
        let environment = [
            ("LOG_LEVEL", level),
            ("DATABASE_URL", "postgresql://localhost/x"),
        ];
        let output = run(&["serve"], &environment).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(
            errors.contains("LOG_LEVEL") && errors.contains("loud"),
            "{errors}"
        );
    }
}

#[tokio::test]
async fn a_variable_that_is_no_setting_is_named_with_the_one_that_was_meant() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_HEARTBAET_INTERVAL", "1s")
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    for process in app.apis.iter().chain(&app.workers) {
        let warned = process.wait_for_field(
            "config.unknown_variable",
            "variable",
            "QTASK_HEARTBAET_INTERVAL",
        );
        let event = warned.await;
        assert_eq!(
            event.field("meant").as_deref(),
            Some("QTASK_HEARTBEAT_INTERVAL")
        );
        let all = process
            .events()
            .all(|event| event.is("config.unknown_variable"));
        assert_eq!(all.len(), 1, "{all:?}");
    }
}
