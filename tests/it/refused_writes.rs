//! A database that answers and refuses to write: no result is lost that a worker has finished.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::app_builder::AppBuilder;
use crate::support::client::send;
use crate::support::mocks::mock_with;
use crate::support::wait::{DEADLINE, TempDir, eventually};
use crate::support::{App, QueueKind, Receiver, on_both_queues};

const TASKS: usize = 20;
/// How long a database refuses here.
const REFUSAL: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_mins(2);

fn builder(kind: QueueKind) -> AppBuilder {
    // The lease outlives the refusal, in which heartbeats may not be written either.
    App::builder(kind)
        .env("DATABASE_TIMEOUT", "2s")
        .env("QTASK_LEASE_DURATION", "10m")
}

fn worker() -> Worker {
    let twenty = ["--concurrency", "20", "--mock-delay", "5s"];
    Worker::new("w", "mock").args(&twenty)
}

async fn submit_all(app: &App) -> Vec<Uuid> {
    let tasks = vec![json!({"backend": "mock", "circuit": "x"}); TASKS];
    let body = json!({"tasks": tasks});
    // The key makes a repetition safe: connections that a test has ended may still be in the pool.
    let submit = || async {
        let request = app.request(Method::POST, "/tasks/batch");
        let request = request.header("idempotency-key", "all").json(&body);
        let reply = send(request).await.expect("an answer");
        (reply.status.as_u16() != 503).then(|| reply.expect(201))
    };
    let created = eventually(DEADLINE, "the batch accepted", submit).await;
    let tasks = created["tasks"].as_array().expect("tasks");
    let id = |task: &Value| task["task_id"].as_str().and_then(|id| id.parse().ok());
    tasks.iter().map(|task| id(task).expect("an id")).collect()
}

async fn wait_running(app: &App) {
    let all = || async {
        (app.database.tasks_in("processing").await == i64::try_from(TASKS).unwrap()).then_some(())
    };
    eventually(DEADLINE, "all tasks running", all).await;
}

/// Waits until the database's own clock has gone on for as long as it is to refuse.
async fn let_it_refuse(app: &App) {
    let client = app.database.connect().await;
    let now = "SELECT extract(epoch FROM clock_timestamp())::float8";
    let read = || async {
        client
            .query_one(now, &[])
            .await
            .expect("a time")
            .get::<_, f64>(0)
    };
    let until = read().await + REFUSAL.as_secs_f64();
    let over = || async { (read().await >= until).then_some(()) };
    eventually(LIMIT, "the end of the refusal", over).await;
}

/// All tasks have their results, and none of them at a second attempt.
async fn assert_all_completed(app: &App, ids: &[Uuid]) {
    for id in ids {
        let task = app.wait_terminal(*id, LIMIT).await;
        assert_eq!(
            (&task["status"], &task["attempt"]),
            (&json!("completed"), &json!(1)),
            "{task}"
        );
    }
}

/// Refuses every row that a statement of this kind would write, until the refusal is over.
async fn refuse(app: &App, table: &str, when: &str) {
    let until = REFUSAL.as_secs();
    let sql = format!(
        "CREATE FUNCTION no_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF clock_timestamp() < '{{until}}'::timestamptz THEN RAISE EXCEPTION 'no writes today'; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER no_{table} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW
         WHEN ({when}) EXECUTE FUNCTION no_{table}();"
    );
    let client = app.database.connect().await;
    let now = format!("SELECT (clock_timestamp() + interval '{until} s')::text");
    let until: String = client.query_one(&now, &[]).await.expect("a time").get(0);
    let sql = sql.replace("{until}", &until);
    client.batch_execute(&sql).await.expect("a trigger");
}

on_both_queues!(
    no_result_is_lost_while_every_completion_is_refused,
    no_result_is_lost_while_the_table_is_locked,
    no_result_is_lost_while_the_database_is_read_only,
);

async fn no_result_is_lost_while_every_completion_is_refused(kind: QueueKind) {
    let app = builder(kind).worker(worker()).start().await;
    refuse(&app, "tasks", "NEW.current_status = 'completed'").await;
    let ids = submit_all(&app).await;
    app.workers[0].wait_for("task.outcome_delayed").await;
    assert_all_completed(&app, &ids).await;
    app.finish().await;
}

async fn no_result_is_lost_while_the_table_is_locked(kind: QueueKind) {
    let app = builder(kind).worker(worker()).start().await;
    let ids = submit_all(&app).await;
    wait_running(&app).await;
    let client = app.database.connect().await;
    client
        .batch_execute("BEGIN; LOCK TABLE tasks IN SHARE MODE")
        .await
        .expect("a lock");
    app.workers[0].wait_for("task.outcome_delayed").await;
    let_it_refuse(&app).await;
    client.batch_execute("COMMIT").await.expect("no lock");
    assert_all_completed(&app, &ids).await;
    app.finish().await;
}

async fn no_result_is_lost_while_the_database_is_read_only(kind: QueueKind) {
    let app = builder(kind).worker(worker()).start().await;
    let ids = submit_all(&app).await;
    wait_running(&app).await;
    set_for_new_connections(&app, "default_transaction_read_only", "on").await;
    app.workers[0].wait_for("task.outcome_delayed").await;
    let_it_refuse(&app).await;
    set_for_new_connections(&app, "default_transaction_read_only", "off").await;
    assert_all_completed(&app, &ids).await;
    app.finish().await;
}

/// Sets a parameter of the database and ends its connections, so that all of them have it.
async fn set_for_new_connections(app: &App, parameter: &str, value: &str) {
    let client = app.database.connect().await;
    // Not read-only itself, so that it can take the setting back. Each is a transaction of its own.
    let set = format!(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {parameter} = {value}', current_database()); END $$"
    );
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for sql in ["SET default_transaction_read_only = off", &set, end] {
        client.batch_execute(sql).await.expect("a setting");
    }
}

#[tokio::test]
async fn statements_stopped_by_a_lock_timeout_lose_no_result() {
    let app = builder(QueueKind::Postgres).worker(worker()).start().await;
    set_for_new_connections(&app, "lock_timeout", "200").await;
    let ids = submit_all(&app).await;
    wait_running(&app).await;
    let client = app.database.connect().await;
    let lock = "SET lock_timeout = 0; BEGIN; LOCK TABLE tasks IN SHARE MODE";
    client.batch_execute(lock).await.expect("a lock");
    app.workers[0].wait_for("task.outcome_delayed").await;
    let_it_refuse(&app).await;
    client.batch_execute("COMMIT").await.expect("no lock");
    assert_all_completed(&app, &ids).await;
    app.finish().await;
}

#[tokio::test]
async fn a_result_that_the_row_cannot_hold_fails_its_task_at_once_and_no_other() {
    let app = builder(QueueKind::Postgres).worker(worker()).start().await;
    let check =
        "ALTER TABLE tasks ADD CONSTRAINT no_poison CHECK (name <> 'poison' OR result IS NULL)";
    app.database.execute(check, &[]).await;
    let poison = app.submit(&mock_with("", &json!({"name": "poison"}))).await;
    let ids = submit_all(&app).await;
    let task = app.wait_status(poison, "failed").await;
    assert_eq!(task["error_code"], "execution_error");
    let message = task["error_message"].as_str().unwrap_or_default();
    assert!(message.contains("no_poison"), "{message}");
    assert_all_completed(&app, &ids).await;
    app.finish().await;
}

/// A worker whose command writes three lines, of which a test may refuse one, progress and output.
fn logging_worker(directory: &TempDir) -> Worker {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.path().join("run");
    let script = "#!/bin/sh\ncat > /dev/null\nfor line in first poison last; do echo \"{\\\"log\\\": \\\"$line\\\"}\"; done\n\
                  echo '{\"progress\": {\"step\": 1}}'\necho '{\"output\": {\"kept\": true}}'\necho '{\"result\": {\"a\": 1}}'\n";
    std::fs::write(&path, script).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    Worker::command("w", &format!("tool={}", path.display()))
}

async fn messages(app: &App, task_id: Uuid) -> Vec<Value> {
    let logs = app.get(&format!("/tasks/{task_id}/logs")).await.expect(200);
    let lines = logs["logs"].as_array().expect("lines");
    lines.iter().map(|line| line["message"].clone()).collect()
}

#[tokio::test]
async fn log_lines_and_output_are_kept_as_long_as_the_result_is() {
    let directory = TempDir::new("refused-logs");
    let app = builder(QueueKind::Postgres)
        .env("QTASK_BACKENDS", "tool")
        .worker(logging_worker(&directory))
        .start()
        .await;
    refuse(&app, "task_logs", "true").await;
    refuse(&app, "attempt_outputs", "true").await;
    refuse(&app, "tasks", "NEW.current_status = 'completed'").await;
    let task = json!({"backend": "tool", "circuit": "x"});
    let task_id = app.submit(&task).await;
    app.workers[0].wait_for("task.logs_unwritten").await;
    assert_all_completed(&app, &[task_id]).await;
    assert_eq!(messages(&app, task_id).await, ["first", "poison", "last"]);
    let task = app.task(task_id).await;
    assert_eq!(task["attempt_outputs"][0]["output"], json!({"kept": true}));
    app.finish().await;
}

#[tokio::test]
async fn a_log_line_that_cannot_be_stored_takes_no_other_with_it() {
    let directory = TempDir::new("poison-logs");
    let app = builder(QueueKind::Postgres)
        .env("QTASK_BACKENDS", "tool")
        .worker(logging_worker(&directory))
        .start()
        .await;
    let check = "ALTER TABLE task_logs ADD CONSTRAINT no_poison CHECK (message <> 'poison')";
    app.database.execute(check, &[]).await;
    let task_id = app
        .submit(&json!({"backend": "tool", "circuit": "x"}))
        .await;
    assert_all_completed(&app, &[task_id]).await;
    assert_eq!(messages(&app, task_id).await, ["first", "last"]);
    assert_eq!(app.task(task_id).await["progress"], json!({"step": 1}));
    app.finish().await;
}

#[tokio::test]
async fn a_callback_that_arrived_is_not_made_again_because_its_outcome_was_refused() {
    let receiver = Receiver::start(&["204 No Content"]).await;
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_ALLOWED_HOSTS", "127.0.0.0/8")
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    refuse(&app, "webhooks", "NEW.delivered_at IS NOT NULL").await;
    let url = receiver.url("127.0.0.1", "/");
    let task_id = app
        .submit(&mock_with("", &json!({"callback_url": url})))
        .await;
    app.apis[0].wait_for("webhook.outcome_delayed").await;
    let delivered = "SELECT count(*) FROM webhooks WHERE task_id = $1 AND delivered_at IS NOT NULL";
    let written =
        || async { (app.database.count(delivered, &[&task_id]).await == 1).then_some(()) };
    eventually(LIMIT, "the outcome of the callback", written).await;
    app.finish().await;
    assert_eq!(receiver.received().len(), 1);
}
