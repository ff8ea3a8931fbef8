//! A name belongs to one living worker: no two processes displace each other.

use std::time::Duration;

use serde_json::json;

use crate::support::app::Worker;
use crate::support::client::{http_client, send};
use crate::support::http_worker::HttpWorker;
use crate::support::mocks::{claimed, completed, created, lost, mock, reorder};
use crate::support::wait::{DEADLINE, eventually, free_port};
use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind, on_both_queues};

on_both_queues!(
    a_second_worker_of_a_name_ends_and_the_first_goes_on,
    a_killed_worker_started_again_under_its_name_continues_within_a_lease,
);

fn twin() -> Worker {
    Worker::new("twin", "mock")
}

async fn a_second_worker_of_a_name_ends_and_the_first_goes_on(kind: QueueKind) {
    let mut app = App::builder(kind).worker(twin()).start().await;
    let task_id = app.submit(&mock("hang")).await;
    app.wait_status(task_id, "processing").await;
    for _ in 0..2 {
        app.spawn_worker(&twin());
        let mut second = app.workers.remove(1);
        second.wait_for("worker.name_in_use").await;
        let status = second.wait_exit(DEADLINE).await;
        assert_eq!(status.code(), Some(1));
        let failed = second.wait_for("worker.failed").await;
        let error = failed.field("error").unwrap_or_default();
        assert!(error.contains("a worker named `twin` is alive"), "{error}");
        assert!(error.contains("--replace"), "{error}");
        let waits = second.events().all(|event| event.is("worker.name_in_use"));
        assert_eq!(waits.len(), 1, "said once");
        second.assert_no_panic();
    }
    // The attempt of the first was neither lost nor begun a second time.
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "twin")]
    );
    app.cancel(task_id).await.expect(200);
    app.wait_status(task_id, "cancelled").await;
    let next = app.submit(&mock("")).await;
    app.wait_status(next, "completed").await;
    let history = [created(), claimed(1, "twin"), completed(1, "twin")];
    assert_eq!(app.database.history(next).await, history);
    app.finish().await;
}

async fn a_killed_worker_started_again_under_its_name_continues_within_a_lease(kind: QueueKind) {
    let mut app = App::builder(kind)
        .env("QTASK_LEASE_DURATION", "4s")
        .worker(twin())
        .start()
        .await;
    let task_id = app.submit(&mock("hang")).await;
    app.wait_status(task_id, "processing").await;
    reorder(&app.database, task_id, "").await;
    app.workers[0].kill9().await;
    app.workers.remove(0);
    app.start_worker(&twin()).await;
    app.workers[0].wait_for("worker.name_in_use").await;
    app.wait_status(task_id, "completed").await;
    let history = [
        created(),
        claimed(1, "twin"),
        lost("retrying", 1, "twin"),
        claimed(2, "twin"),
        completed(2, "twin"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    app.finish().await;
}

#[tokio::test]
async fn a_worker_that_waits_for_its_name_stops_when_told_and_says_why_it_is_not_ready() {
    let mut app = App::builder(QueueKind::Postgres).start().await;
    // A session that nothing renews, and whose lease is long.
    WorkerRows::register(&app.database, "twin").await;
    let port = free_port().to_string();
    app.spawn_worker(&twin().args(&["--health-port", &port]));
    app.workers[0].wait_for("worker.name_in_use").await;
    let url = format!("http://127.0.0.1:{port}/readyz");
    let ready = send(http_client().get(url)).await.expect("an answer");
    assert_eq!(ready.status, 503);
    let text = ready.body.as_str().unwrap_or_default();
    assert!(text.contains("its name is in use"), "{text}");
    assert!(app.workers[0].terminate().await.success());
    app.workers.clear();
    app.finish().await;
}

#[tokio::test]
async fn a_name_is_free_as_soon_as_its_worker_has_stopped() {
    let mut app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .worker(twin())
        .start()
        .await;
    assert!(app.workers.remove(0).terminate().await.success());
    app.start_worker(&twin()).await;
    let waits = app.workers[0]
        .events()
        .all(|event| event.is("worker.name_in_use"));
    assert!(waits.is_empty(), "{waits:?}");
    app.finish().await;
}

#[tokio::test]
async fn a_worker_that_lost_its_name_while_it_was_frozen_does_not_take_it_back() {
    let mut app = App::builder(QueueKind::Postgres)
        .worker(twin().args(&["--replace"]))
        .start()
        .await;
    app.workers[0].pause().await;
    // Its session ends with the lease, and then the name is another's.
    let ended = "SELECT count(*) FROM workers WHERE ended_at IS NOT NULL";
    let has_ended = || async { (app.database.count(ended, &[]).await == 1).then_some(()) };
    eventually(DEADLINE, "the end of the session", has_ended).await;
    app.start_worker(&twin()).await;
    app.workers[0].resume();
    let status = app.workers[0].wait_exit(DEADLINE).await;
    assert_eq!(status.code(), Some(1));
    app.workers.remove(0);
    let task_id = app.submit(&mock("")).await;
    app.wait_status(task_id, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn a_worker_over_http_and_a_native_one_respect_each_other() {
    let mut app = App::builder(QueueKind::Postgres)
        .worker(twin())
        .start()
        .await;
    let body = json!({"worker_id": "twin", "backends": ["mock"]});
    let refused = app.post("/workers/register", &body).await;
    assert_eq!(refused.expect_problem(409), "worker_name_in_use");
    assert!(app.workers.remove(0).terminate().await.success());

    let puller = HttpWorker::register(&app, "twin", "mock").await;
    app.spawn_worker(&twin());
    app.workers[0].wait_for("worker.name_in_use").await;
    let beating = async {
        loop {
            puller.beat(&app, &[]).await.expect(200);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = beating => {}
        failed = app.workers[0].wait_for("worker.failed") => {
            let error = failed.field("error").unwrap_or_default();
            assert!(error.contains("is alive"), "{error}");
        }
    }
    app.workers.clear();
    app.finish().await;
}
