//! What happens to workers that die, freeze or do not stop is counted.

use serde_json::json;

use super::scrape::{assert_grown, assert_value, of_api, scrape, value, wait_for};
use crate::support::app::Worker;
use crate::support::http_worker::{HttpWorker, id_of, keep_alive};
use crate::support::mocks::{mock, mock_with};
use crate::support::sweeps::forty_minutes_pass;
use crate::support::wait::{DEADLINE, eventually, free_port};
use crate::support::{App, QueueKind};

fn labelled(name: &str, label: &str, value: &str) -> String {
    format!("qtask_{name}_total{{{label}=\"{value}\"}}")
}

fn revoked(reason: &str) -> String {
    labelled("attempts_revoked", "reason", reason)
}

async fn start() -> App {
    App::builder(QueueKind::Postgres)
        .env("QTASK_CANCEL_GRACE", "1s")
        .start()
        .await
}

#[tokio::test]
async fn a_worker_that_falls_silent_and_its_late_writes_are_counted() {
    let app = start().await;
    let before = of_api(&app).await;
    let task_id = app.submit(&mock("")).await;
    let silent = HttpWorker::register(&app, "silent", "mock").await;
    let task = silent.claim_one(&app).await;
    app.wait_status(task_id, "retrying").await;
    let log = json!({"logs": [{"level": "info", "message": "late"}]});
    silent.write(&app, &task, "logs", &log).await.expect(409);
    silent.complete(&app, &task).await.expect(409);
    let after = of_api(&app).await;
    for (series, by) in [
        (revoked("worker_lost"), 1.0),
        (revoked("overdue"), 0.0),
        ("qtask_sessions_expired_total".to_owned(), 1.0),
        (labelled("fenced_writes", "write", "log"), 1.0),
        (labelled("fenced_writes", "write", "settlement"), 1.0),
        (
            "qtask_task_execution_seconds_count{backend=\"mock\",outcome=\"retried\"}".to_owned(),
            1.0,
        ),
    ] {
        assert_grown(&before, &after, &series, by);
    }
    assert!(value(&after, &labelled("sweep_turns", "duty", "reap")) >= 1.0);
    assert_value(&after, "qtask_workers_online{backend=\"mock\"}", 0.0);
    app.cancel(task_id).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn attempts_that_are_overdue_or_ignore_a_cancel_are_counted() {
    let app = start().await;
    let worker =
        HttpWorker::register_with(&app, "deaf", "mock", &json!({"lease_seconds": 600})).await;
    let beats = keep_alive(&app, &worker);
    let ending = async {
        let overdue = app
            .submit(&mock_with("", &json!({"timeout_seconds": 60})))
            .await;
        worker.claim_one(&app).await;
        forty_minutes_pass(&app.database, overdue).await;
        app.wait_status(overdue, "failed").await;
        let cancelled = app.submit(&mock("")).await;
        assert_eq!(id_of(&worker.claim_one(&app).await), cancelled);
        app.cancel(cancelled).await.expect(200);
        app.wait_status(cancelled, "cancelled").await;
    };
    tokio::select! {
        () = beats => {}
        () = ending => {}
    }
    let scraped = of_api(&app).await;
    assert_value(&scraped, &revoked("overdue"), 1.0);
    assert_value(&scraped, &revoked("cancel"), 1.0);
    let lasted = value(
        &scraped,
        "qtask_task_execution_seconds_sum{backend=\"mock\",outcome=\"failed\"}",
    );
    assert!((2_400.0..3_000.0).contains(&lasted), "{lasted} s");
    app.finish().await;
}

#[tokio::test]
async fn a_worker_that_froze_counts_the_loss_of_its_lease() {
    let port = free_port().to_string();
    let worker = Worker::new("frozen", "mock").args(&["--health-port", &port]);
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let online = "qtask_workers_online{backend=\"mock\"}";
    wait_for(&app.url(0, "/metrics"), online, 1.0).await;
    app.workers[0].pause().await;
    let ended = "SELECT count(*) FROM workers WHERE ended_at IS NOT NULL";
    eventually(DEADLINE, "the end of its session", || async {
        (app.database.count(ended, &[]).await == 1).then_some(())
    })
    .await;
    app.workers[0].resume();
    let url = format!("http://127.0.0.1:{port}/metrics");
    wait_for(&url, "qtask_worker_leases_lost_total", 1.0).await;
    wait_for(&url, "qtask_worker_lease_held", 1.0).await;
    app.finish().await;
}

#[tokio::test]
async fn an_outcome_that_cannot_be_written_yet_is_counted() {
    let port = free_port().to_string();
    let worker = Worker::new("w", "mock").args(&["--health-port", &port]);
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let url = format!("http://127.0.0.1:{port}/metrics");
    let unwritten = "qtask_worker_outcomes_unwritten";
    let task_id = app.submit(&mock("sleep 500ms")).await;
    app.wait_status(task_id, "processing").await;
    let holder = app.database.connect().await;
    let lock = format!("BEGIN; SELECT FROM tasks WHERE task_id = '{task_id}' FOR UPDATE");
    holder.batch_execute(&lock).await.expect("a lock");
    let scraped = wait_for(&url, unwritten, 1.0).await;
    assert_value(&scraped, "qtask_worker_tasks_running", 1.0);
    holder.batch_execute("COMMIT").await.expect("no lock");
    app.wait_status(task_id, "completed").await;
    eventually(DEADLINE, "no outcome to write", || async {
        (value(&scrape(&url).await, unwritten) < 1.0).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn a_quarantine_shows_in_the_metrics_of_both_roles() {
    let port = free_port().to_string();
    let sick = r#"tool=sh -c "cat > /dev/null; echo '{\"error\": {\"code\": \"environment_error\", \"message\": \"gone\", \"retry\": true}}'; exit 1""#;
    let worker = Worker::command("sick", sick).args(&[
        "--health-port",
        &port,
        "--quarantine-after",
        "1",
        "--quarantine-backoff",
        "1h",
    ]);
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_BACKENDS", "tool")
        .env("QTASK_RETRY_DELAY", "1h")
        .env("QTASK_RETRY_DELAY_MAX", "1h")
        .worker(worker)
        .start()
        .await;
    let task = json!({"backend": "tool", "circuit": "OPENQASM 3; qubit q;"});
    let task_id = app.submit(&task).await;
    let url = format!("http://127.0.0.1:{port}/metrics");
    let scraped = wait_for(&url, "qtask_worker_quarantined", 1.0).await;
    assert_value(&scraped, "qtask_worker_quarantines_total", 1.0);
    assert_value(&scraped, "qtask_worker_consuming", 0.0);
    let of = |what: &str| format!("qtask_workers_{what}{{backend=\"tool\"}}");
    let scraped = wait_for(&app.url(0, "/metrics"), &of("online"), 1.0).await;
    assert_value(&scraped, &of("available"), 0.0);
    app.cancel(task_id).await.expect(200);
    app.finish().await;
}
