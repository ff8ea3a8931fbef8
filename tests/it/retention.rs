//! `QTASK_RETENTION`: ended tasks are deleted steadily, by one process at a time.

use crate::support::app::Worker;
use crate::support::client::send;
use crate::support::mocks::mock;
use crate::support::process;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestDatabase, on_both_queues};

on_both_queues!(expired_tasks_are_deleted_while_others_flow,);

async fn expired_tasks_are_deleted_while_others_flow(kind: QueueKind) {
    let database = TestDatabase::create().await;
    database.insert_old_tasks(3_000, 91.0, "mock").await;
    database.insert_old_tasks(30, 89.0, "mock").await;
    let worker = Worker::new("w", "mock").args(&["--concurrency", "4"]);
    let builder = App::builder(kind).database(database).apis(2).worker(worker);
    let app = builder.env("QTASK_RETENTION", "90d").start().await;
    for process in app.apis.iter().chain(&app.workers) {
        let said = process.wait_for("retention.enabled").await;
        assert_eq!(said.field("retention_seconds").as_deref(), Some("7776000"));
    }
    app.database.clock_was_steady().await;
    let flow = async {
        let mut ids = Vec::new();
        for _ in 0..50 {
            ids.push(app.submit(&mock("")).await);
        }
        for task_id in ids {
            app.wait_status(task_id, "completed").await;
        }
    };
    let expired = async || (app.database.tasks_and_stray_rows().await == (80, 0)).then_some(());
    tokio::join!(
        flow,
        eventually(DEADLINE * 2, "only tasks within the retention", expired)
    );
    // Each process reports the tasks of its own passes.
    let pruned = async || {
        let all = app.apis.iter().chain(&app.workers);
        let events = all.flat_map(|process| process.events().all(|it| it.is("retention.pruned")));
        let tasks = events.filter_map(|it| it.field("tasks")?.parse::<u64>().ok());
        (tasks.sum::<u64>() == 3_000).then_some(())
    };
    eventually(DEADLINE, "reports of 3,000 tasks", pruned).await;
    let metrics = send(app.request(reqwest::Method::GET, "/metrics")).await;
    let metrics = metrics.expect("an answer").body;
    let metrics = metrics.as_str().unwrap_or_default();
    assert!(metrics.contains("qtask_pruned_tasks_total"), "{metrics}");
    app.finish().await;
}

#[tokio::test]
async fn without_a_retention_tasks_are_kept_and_the_log_says_so() {
    let app = App::builder(QueueKind::Postgres).start().await;
    app.apis[0].wait_for("retention.disabled").await;
}

#[tokio::test]
async fn a_retention_shorter_than_an_hour_or_the_idempotency_window_is_refused() {
    for (retention, window) in [("59m", "1m"), ("23h", "24h"), ("soon", "24h")] {
        let environment = [
            ("DATABASE_URL", "postgresql://localhost/none"),
            ("QTASK_RETENTION", retention),
            ("QTASK_IDEMPOTENCY_WINDOW", window),
        ];
        let ended = process::run(&["serve"], &environment).await;
        assert_eq!(ended.status.code(), Some(2), "{retention}");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(said.contains("QTASK_RETENTION"), "{said}");
    }
}
