//! One API is replaced on its port, as a supervisor does it, while clients submit tasks and wait for them.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::rolling_upgrade::{Load, assert_each_completed_once};
use crate::support::app::Worker;
use crate::support::client::{Reply, send};
use crate::support::http_worker::HttpWorker;
use crate::support::process::current;
use crate::support::wait::free_port;
use crate::support::{App, QueueKind, on_both_queues};

/// The longest time without an answer.
const MAX_OUTAGE: Duration = Duration::from_secs(2);

on_both_queues!(an_api_that_is_replaced_on_its_port_is_away_for_two_seconds_and_loses_nothing);

/// The executable of the previous version, if `scripts/previous` has built it.
fn former() -> PathBuf {
    let previous = std::env::var_os("QTASK_TEST_PREVIOUS").filter(|path| !path.is_empty());
    previous.map_or_else(|| current().to_owned(), PathBuf::from)
}

async fn an_api_that_is_replaced_on_its_port_is_away_for_two_seconds_and_loses_nothing(
    kind: QueueKind,
) {
    let port = free_port();
    let mut app = App::builder(kind)
        .apis(0)
        .worker(Worker::new("w", "mock").args(&["--concurrency", "4"]))
        .start()
        .await;
    app.spawn_api_at(&former(), port);
    app.wait_ready().await;
    let load = Load::new([app.url(0, "")]);
    let claim = claim_that_waits(&app).await;
    let replacing = async {
        load.wait_phase().await;
        let stopped = app.apis[0].terminate().await;
        assert!(stopped.success(), "{stopped}");
        app.spawn_api_at(current(), port);
        load.wait_phase().await;
        load.stop();
    };
    tokio::join!(replacing, load.run());
    let outage = load.outage();
    assert!(outage <= MAX_OUTAGE, "{outage:?}");
    assert!(claim.await.expect("no panic").is_ok());
    let accepted = load.accepted.into_inner().unwrap();
    assert_each_completed_once(&app, &accepted).await;
    app.assert_nothing_left_behind().await;
}

/// A claim in progress, of a worker over HTTP for whose backend there are no tasks.
async fn claim_that_waits(app: &App) -> JoinHandle<Result<Reply, reqwest::Error>> {
    let worker = HttpWorker::register(app, "over-http", "idle").await;
    let claim = app.request(Method::POST, "/workers/over-http/claim");
    let claim = claim.json(&json!({"session_id": worker.session, "wait": 60}));
    let claim = tokio::spawn(send(claim));
    app.apis[0].wait_for("worker.claim_waiting").await;
    claim
}
