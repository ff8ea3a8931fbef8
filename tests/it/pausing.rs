//! Paused backends: no task is claimed until the resume, and none is lost.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{on_terminal, run};
use crate::support::app::Worker;
use crate::support::client::send;
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, problem};
use crate::support::mocks::{mock, wait_all_completed_at_once};
use crate::support::sweeps::sweeps;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

/// How soon a resumed task must be claimed; the machine may be busy.
const SOON: Duration = Duration::from_secs(3);

async fn pause(app: &App, backend: &str) -> Value {
    let api = Contract::of(app).await;
    let path = format!("/backends/{backend}/pause");
    let body = json!({"reason": "calibration"});
    api.post(&path, &body).await.expect(200)
}

async fn resume(app: &App, backend: &str) -> Value {
    let api = Contract::of(app).await;
    let path = format!("/backends/{backend}/resume");
    api.send(Method::POST, &path, |request| request)
        .await
        .expect(200)
}

async fn submit_many(app: &App, order: &str, count: usize) {
    let tasks: Vec<Value> = (0..count).map(|_| mock(order)).collect();
    app.post("/tasks/batch", &json!({"tasks": tasks}))
        .await
        .expect(201);
}

/// The number of claims of all tasks so far.
async fn claims(app: &App) -> i64 {
    let claims = "SELECT count(*) FROM status_history WHERE status = 'processing'";
    app.database.count(claims, &[]).await
}

async fn is_claimed(app: &App, task_id: Uuid) -> bool {
    let claimed = "SELECT count(*) FROM tasks WHERE task_id = $1 AND attempt > 0";
    app.database.count(claimed, &[&task_id]).await == 1
}

async fn wait_claimed(app: &App, task_id: Uuid, within: Duration) {
    eventually(within, "a claim of the task", || async {
        is_claimed(app, task_id).await.then_some(())
    })
    .await;
}

on_both_queues!(
    a_paused_backend_waits_and_the_others_of_its_worker_do_not,
    tasks_that_flow_stop_at_the_pause_and_all_end_once,
    a_task_that_waited_for_its_paused_backend_starts_soon_after_the_resume,
);

async fn a_paused_backend_waits_and_the_others_of_its_worker_do_not(kind: QueueKind) {
    let both = Worker::new("w", "mock").args(&["--backend", "simulator"]);
    let app = App::builder(kind).worker(both).start().await;
    let paused = pause(&app, "mock").await;
    assert_eq!(paused["paused"], true);
    let waiting = app.submit(&mock("")).await;
    let other = json!({"circuit": "OPENQASM 3; qubit q; bit c = measure q;", "shots": 1});
    for _ in 0..3 {
        app.wait_status(app.submit(&other).await, "completed").await;
    }
    assert!(!is_claimed(&app, waiting).await);

    let task = app.task(waiting).await;
    assert_eq!(task["waiting_reason"], "backend_paused");
    let message = task["waiting_message"].as_str().expect("a message");
    assert!(message.contains("calibration"), "{message}");
    let health = app.get("/health").await.expect(200);
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["paused_backends"], json!(["mock"]));
    // The worker is ready: it consumes what is not paused.
    eventually(DEADLINE, "a worker that is ready", || async {
        let worker = app.get("/workers/w").await.expect(200);
        worker["not_ready_reason"].is_null().then_some(())
    })
    .await;

    resume(&app, "mock").await;
    app.wait_status(waiting, "completed").await;
    app.finish().await;
}

async fn tasks_that_flow_stop_at_the_pause_and_all_end_once(kind: QueueKind) {
    let worker = |name| Worker::new(name, "mock").args(&["--concurrency", "4"]);
    let app = App::builder(kind)
        .worker(worker("w1"))
        .worker(worker("w2"))
        .start()
        .await;
    submit_many(&app, "sleep 20ms", 250).await;
    for round in 1..=3 {
        eventually(DEADLINE, "claims", || async {
            (claims(&app).await >= round * 40).then_some(())
        })
        .await;
        pause(&app, "mock").await;
        let at_the_pause = claims(&app).await;
        if round == 1 {
            // Submissions go on.
            submit_many(&app, "sleep 20ms", 250).await;
        }
        eventually(DEADLINE, "the end of the running tasks", || async {
            (app.database.tasks_in("processing").await == 0).then_some(())
        })
        .await;
        // More than the republication of messages and the poll of a worker take.
        sweeps(&app.database, 10).await;
        assert_eq!(claims(&app).await, at_the_pause, "round {round}");
        resume(&app, "mock").await;
    }
    wait_all_completed_at_once(&app.database, 500).await;
    app.finish().await;
}

async fn a_task_that_waited_for_its_paused_backend_starts_soon_after_the_resume(kind: QueueKind) {
    let app = App::builder(kind)
        .env("QTASK_SWEEP_INTERVAL", "1s")
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    pause(&app, "mock").await;
    // The message is delivered, and acknowledged without a claim.
    let first = app.submit(&mock("")).await;
    if kind == QueueKind::Amqp {
        app.workers[0].wait_for("worker.backend_paused").await;
        let unsent = "SELECT count(*) FROM tasks WHERE task_id = $1 AND dispatched_at IS NULL";
        eventually(DEADLINE, "the message's end", || async {
            (app.database.count(unsent, &[&first]).await == 1).then_some(())
        })
        .await;
    }
    // Its message stays in the queue.
    let second = app.submit(&mock("")).await;
    assert!(!is_claimed(&app, first).await);
    let resumed = Instant::now();
    resume(&app, "mock").await;
    wait_claimed(&app, first, SOON).await;
    wait_claimed(&app, second, SOON.saturating_sub(resumed.elapsed())).await;
    app.wait_status(first, "completed").await;
    app.wait_status(second, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn a_message_of_a_paused_backend_is_not_delivered_again_and_again() {
    let app = App::builder(QueueKind::Amqp)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    pause(&app, "mock").await;
    submit_many(&app, "", 50).await;
    app.workers[0].wait_for("worker.backend_paused").await;
    // Two reconciliations are among them.
    sweeps(&app.database, 10).await;
    let events = app.workers[0].events();
    let delivered = events.all(|it| it.is("amqp.message_delivered")).len();
    assert!(delivered <= 50, "{delivered} deliveries of 50 messages");
    resume(&app, "mock").await;
    wait_all_completed_at_once(&app.database, 50).await;
    app.finish().await;
}

#[tokio::test]
async fn a_worker_over_http_claims_nothing_of_a_paused_backend_and_is_woken_by_the_resume() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let worker = HttpWorker::register(&app, "w", "lab").await;
    pause(&app, "lab").await;
    let task = app.submit(&problem("lab", &json!({}))).await;
    assert!(worker.claim(&app, &json!({})).await.is_empty());
    let claimed = async { worker.claim_one(&app).await };
    let resumed = async {
        app.apis[0].wait_for("worker.claim_waiting").await;
        resume(&app, "lab").await;
    };
    let (claimed, ()) = tokio::join!(claimed, resumed);
    assert_eq!(claimed["task_id"], json!(task));
    worker.complete(&app, &claimed).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_claim_that_began_before_the_pause_ends_before_it_is_answered() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let one = json!({"capabilities": {"max_parallel_tasks": 1}});
    let worker = HttpWorker::register_with(&app, "w", "lab", &one).await;
    let task = app.submit(&problem("lab", &json!({}))).await;
    // Holds the claim after its snapshot: it increments a counter in the row of its worker.
    let mut client = app.database.connect().await;
    let hold = client.transaction().await.expect("a transaction");
    hold.execute("SELECT FROM workers WHERE worker_id = 'w' FOR UPDATE", &[])
        .await
        .expect("a lock");
    let path = format!("/workers/{}/claim", worker.name);
    let request = app.request(Method::POST, &path);
    let claim = send(request.json(&json!({"session_id": worker.session})));
    let order = async {
        app.database.wait_for_a_row(1).await;
        let nothing = json!({});
        let pausing = app.post("/backends/lab/pause", &nothing);
        let release = async {
            app.database.wait_for_a_table("%pause_backend%").await;
            hold.rollback().await.expect("the end of the lock");
        };
        let (paused, ()) = tokio::join!(pausing, release);
        paused.expect(200);
        // The claim has committed: nothing is claimed after the answer.
        assert!(is_claimed(&app, task).await);
    };
    let (claimed, ()) = tokio::join!(claim, order);
    let claimed = claimed.expect("an answer").expect(200)["tasks"][0].clone();
    worker.complete(&app, &claimed).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_claim_that_waits_for_a_pause_in_progress_sees_it() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let worker = HttpWorker::register(&app, "w", "lab").await;
    let task = app.submit(&problem("lab", &json!({}))).await;
    let mut client = app.database.connect().await;
    let pause = client.transaction().await.expect("a transaction");
    pause
        .execute("SELECT pause_backend('lab', NULL, NULL, 10)", &[])
        .await
        .expect("a pause");
    let commit = async {
        app.database.wait_for_a_table("%claimant%").await;
        pause.commit().await.expect("a commit");
    };
    let nothing = json!({});
    let (claimed, ()) = tokio::join!(worker.claim(&app, &nothing), commit);
    assert!(claimed.is_empty(), "{claimed:?}");
    assert!(!is_claimed(&app, task).await);
    app.cancel(task).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_pause_is_idempotent_and_shown_everywhere() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let url = app.url(0, "");
    let since = pause(&app, "not-yet").await["pause"]["since"].clone();
    let again = app.post("/backends/not-yet/pause", &Value::Null).await;
    let again = again.expect(200)["pause"].clone();
    assert_eq!(again["since"], since, "the first pause counts");
    assert_eq!(again["reason"], "calibration");

    let backends = app.get("/backends").await.expect(200);
    let listed = backends["backends"].as_array().expect("backends");
    let listed = listed.iter().find(|it| it["backend"] == "not-yet");
    assert_eq!(listed.expect("the paused backend")["pause"]["since"], since);
    let metrics = app.get("/metrics").await.expect(200).to_string();
    let gauge =
        |name: &str, value: u8| format!("qtask_backend_paused{{backend=\\\"{name}\\\"}} {value}");
    assert!(metrics.contains(&gauge("not-yet", 1)), "{metrics}");
    assert!(metrics.contains(&gauge("simulator", 0)), "{metrics}");

    let paused = run(&url, &["pause", "mock", "--reason", "moving"]).await;
    let columns: Vec<String> = paused
        .expect(0)
        .stdout
        .trim_end()
        .split('\t')
        .map(str::to_owned)
        .collect();
    assert_eq!(
        (&*columns[0], &*columns[1], &*columns[3]),
        ("mock", "paused", "moving")
    );
    let task = app.submit(&mock("")).await.to_string();
    for (arguments, part) in [
        (&["backends"][..], "paused for "),
        (&["list"][..], "pending (paused)"),
        (&["get", &task][..], "the backend `mock` is paused: moving"),
    ] {
        let shown = on_terminal(&url, &[("NO_COLOR", "1"), ("COLUMNS", "160")], arguments).await;
        assert!(shown.contains(part), "{arguments:?}: {shown}");
    }
    run(&url, &["pause", "not a name"]).await.expect(2);
    let resumed = run(&url, &["resume", "mock"]).await.expect(0);
    assert_eq!(resumed.stdout, "mock\tresumed\n");
    run(&url, &["resume", "mock"]).await.expect(0);
    let health = app.get("/health").await.expect(200);
    assert_eq!(health["paused_backends"], json!(["not-yet"]));
    app.cancel(task.parse().expect("an id")).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_pause_names_the_token_of_the_request() {
    let token = "0123456789abcdef0123456789abcdef";
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_ADMIN_TOKEN", token)
        .start()
        .await;
    let request = app.request(Method::POST, "/backends/b/pause");
    let paused = send(request.bearer_auth(token)).await.expect("an answer");
    assert_eq!(paused.expect(200)["pause"]["by"], "admin");
    app.finish().await;
}
