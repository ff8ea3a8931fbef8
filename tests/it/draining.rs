//! Draining workers from the command line.

use serde_json::{Value, json};

use crate::client::run;
use crate::support::app::Worker;
use crate::support::mocks::{mock, wait_all_completed_at_once};
use crate::support::sweeps::sweeps;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

/// The number of claims of a worker so far.
async fn claims(app: &App, worker: &str) -> i64 {
    let claims =
        "SELECT count(*) FROM status_history WHERE status = 'processing' AND worker_id = $1";
    app.database.count(claims, &[&worker]).await
}

async fn wait_for_claims(app: &App, worker: &str, count: i64) {
    eventually(DEADLINE, "claims of the worker", || async {
        (claims(app, worker).await >= count).then_some(())
    })
    .await;
}

on_both_queues!(a_drained_worker_claims_nothing_while_tasks_flow_until_it_is_undrained);

async fn a_drained_worker_claims_nothing_while_tasks_flow_until_it_is_undrained(kind: QueueKind) {
    let worker = |name| Worker::new(name, "mock").args(&["--concurrency", "2"]);
    let app = App::builder(kind)
        .worker(worker("w1"))
        .worker(worker("w2"))
        .start()
        .await;
    let url = app.url(0, "");
    let tasks: Vec<Value> = (0..300).map(|_| mock("sleep 40ms")).collect();
    let batch = json!({"tasks": tasks});
    app.post("/tasks/batch", &batch).await.expect(201);
    wait_for_claims(&app, "w1", 10).await;

    let drained = run(&url, &["drain", "w1", "--wait"]).await.expect(0);
    let columns = drained.columns();
    assert_eq!(
        (columns[0][0], columns[0][2], columns[0][4]),
        ("w1", "draining", "0")
    );
    let (of_drained, of_other) = (claims(&app, "w1").await, claims(&app, "w2").await);
    wait_for_claims(&app, "w2", of_other + 10).await;
    sweeps(&app.database, 3).await;
    assert_eq!(claims(&app, "w1").await, of_drained);

    let undrained = run(&url, &["undrain", "w1"]).await.expect(0);
    assert_eq!(undrained.columns()[0][2], "");
    wait_for_claims(&app, "w1", of_drained + 10).await;
    wait_all_completed_at_once(&app.database, 300).await;
    app.finish().await;
}

#[tokio::test]
async fn a_worker_that_does_not_exist_cannot_be_drained() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let url = app.url(0, "");
    for command in ["drain", "undrain"] {
        let refused = run(&url, &[command, "w1"]).await.expect(2);
        assert!(refused.stderr.contains("w1"), "{}", refused.stderr);
    }
    app.finish().await;
}
