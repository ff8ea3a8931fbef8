//! Reruns: new tasks with the inputs of tasks that have ended.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::run;
use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::mocks::{mock, mock_with};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

async fn rerun(app: &App, task_id: Uuid, key: &str) -> Value {
    let api = Contract::of(app).await;
    let path = format!("/tasks/{task_id}/rerun");
    let keyed = |request: reqwest::RequestBuilder| request.header("idempotency-key", key);
    api.send(Method::POST, &path, keyed).await.expect(201)
}

async fn wait_ended(app: &App, status: &str, count: i64) {
    eventually(DEADLINE * 2, "ended tasks", || async {
        (app.database.tasks_in(status).await >= count).then_some(())
    })
    .await;
}

on_both_queues!(
    a_rerun_has_the_inputs_of_the_other_task,
    a_thousand_failed_tasks_are_rerun_once_each,
);

async fn a_rerun_has_the_inputs_of_the_other_task(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let task = mock_with(
        "fail",
        &json!({"name": "n", "tags": ["a", "b"], "priority": 7, "metadata": {"k": [1.50]}, "shots": 12,
                "seed": 5, "timeout_seconds": 77, "max_attempts": 1}),
    );
    let first = app.submit(&task).await;
    app.wait_status(first, "failed").await;
    let created = rerun(&app, first, "k").await;
    assert_eq!(created["rerun_of"], json!(first));
    let second: Uuid = id_of(&created);
    let (one, other) = (
        app.database.task(first).await,
        app.database.task(second).await,
    );
    for column in [
        "backend",
        "circuit",
        "shots",
        "parameters",
        "priority",
        "timeout_seconds",
        "max_attempts",
        "metadata",
        "name",
        "tags",
        "callback_url",
    ] {
        assert_eq!(one[column], other[column], "{column}");
    }
    assert_ne!(one["correlation_id"], other["correlation_id"]);
    // Its tags are found, and its message was sent.
    let tagged = app.get("/tasks?tag=b").await.expect(200);
    assert_eq!(tagged["tasks"].as_array().map(Vec::len), Some(2));
    app.wait_status(second, "failed").await;
    let shown = app.task(second).await;
    assert_eq!(shown["rerun_of"], json!(first));
    assert!(app.task(first).await["rerun_of"].is_null());
    assert_eq!(rerun(&app, first, "k").await["task_id"], created["task_id"]);
    let text = run(
        &app.url(0, ""),
        &["get", &second.to_string(), "--color", "always"],
    )
    .await;
    let text = text.expect(0).stdout;
    assert!(
        text.contains("rerun of") && text.contains(&first.to_string()),
        "{text}"
    );
    app.finish().await;
}

async fn a_thousand_failed_tasks_are_rerun_once_each(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w1", "mock").args(&["--concurrency", "8"]))
        .worker(Worker::new("w2", "mock").args(&["--concurrency", "8"]))
        .start()
        .await;
    let failing = mock_with("fail", &json!({"max_attempts": 1}));
    let batch = json!({"tasks": vec![failing; 1_000]});
    app.post("/tasks/batch", &batch).await.expect(201);
    app.submit(&mock("")).await;
    wait_ended(&app, "failed", 1_000).await;
    wait_ended(&app, "completed", 1).await;
    let failed = app.get("/tasks?status=failed&limit=1").await.expect(200);
    let code = failed["tasks"][0]["error_code"]
        .as_str()
        .expect("a code")
        .to_owned();

    let url = app.url(0, "");
    let filters = ["rerun", "--status", "failed", "--error-code", &code];
    let with = |flag| filters.iter().copied().chain([flag]).collect::<Vec<_>>();
    let other = run(
        &url,
        &["rerun", "--error-code", "no_such_code", "--dry-run"],
    )
    .await;
    assert_eq!(other.expect(0).stdout, "0\n");
    assert_eq!(
        run(&url, &with("--dry-run")).await.expect(0).stdout,
        "1000\n"
    );
    let refused = run(&url, &filters).await.expect(2);
    assert!(refused.stderr.contains("1,000 tasks"), "{}", refused.stderr);
    let rerun = run(&url, &with("--yes")).await.expect(0);
    assert_eq!(rerun.columns().len(), 1_000);
    wait_ended(&app, "failed", 2_000).await;
    let once = "SELECT count(DISTINCT rerun_of) FROM tasks WHERE rerun_of IS NOT NULL";
    assert_eq!(app.database.count(once, &[]).await, 1_000);
    let all = "SELECT count(*) FROM tasks WHERE attempt - uncounted_attempts = 1";
    assert_eq!(app.database.count(all, &[]).await, 2_001);
    // Those that were rerun are left out: the next time, the reruns are.
    let next = run(&url, &with("--dry-run")).await.expect(0);
    assert_eq!(next.stdout, "1000\n");
    app.finish().await;
}

#[tokio::test]
async fn a_task_that_has_not_ended_is_refused_by_name_and_nothing_is_rerun() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let worker = HttpWorker::register(&app, "w", "lab").await;
    let ended = app.submit(&problem("lab", &json!({}))).await;
    let claimed = worker.claim_one(&app).await;
    worker.complete(&app, &claimed).await.expect(200);
    let waiting = app.submit(&problem("lab", &json!({}))).await;
    let both = json!({"task_ids": [ended, waiting]});
    let refused = api.post("/tasks/rerun", &both).await;
    assert!(
        refused.body.to_string().contains(&waiting.to_string()),
        "{}",
        refused.body
    );
    assert_eq!(refused.expect_problem(409), "task_not_terminal");
    let unknown = json!({"task_ids": [ended, Uuid::now_v7()]});
    let refused = api.post("/tasks/rerun", &unknown).await;
    assert_eq!(refused.expect_problem(404), "task_not_found");
    let path = format!("/tasks/{waiting}/rerun");
    let refused = api.send(Method::POST, &path, |request| request).await;
    assert_eq!(refused.expect_problem(409), "task_not_terminal");
    assert_eq!(
        app.database.count("SELECT count(*) FROM tasks", &[]).await,
        2
    );

    // The repetition of a request finds the tasks of the first.
    let body = json!({"task_ids": [ended]});
    let first = api.post_keyed("/tasks/rerun", "k", &body).await.expect(200);
    let again = api.post_keyed("/tasks/rerun", "k", &body).await.expect(200);
    assert_eq!(first["tasks"][0]["task_id"], again["tasks"][0]["task_id"]);
    let other = json!({"task_ids": [ended], "dry_run": false});
    let refused = api.post_keyed("/tasks/rerun", "k", &other).await;
    assert_eq!(refused.expect_problem(409), "idempotency_key_reused");
    app.cancel(waiting).await.expect(200);
    app.cancel(id_of(&first["tasks"][0])).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn large_inputs_are_rerun_over_several_requests() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let circuit = format!("OPENQASM 3; //{}\nqubit q;", "x".repeat(6 << 20));
    let mut ids = Vec::new();
    for _ in 0..4 {
        let id = app
            .submit(&json!({"circuit": circuit, "backend": "mock", "shots": 1}))
            .await;
        app.cancel(id).await.expect(200);
        ids.push(id.to_string());
    }
    let url = app.url(0, "");
    let arguments: Vec<&str> = ["rerun"]
        .into_iter()
        .chain(ids.iter().map(String::as_str))
        .collect();
    let rerun = run(&url, &arguments).await.expect(0);
    assert_eq!(rerun.columns().len(), 4);
    let whole =
        "SELECT count(*) FROM tasks WHERE rerun_of IS NOT NULL AND length(circuit) > 6000000";
    assert_eq!(app.database.count(whole, &[]).await, 4);
    run(&url, &["cancel", "--status", "pending", "--yes"])
        .await
        .expect(0);
    app.finish().await;
}
