//! What an attempt has produced so far stays with it, however it ends.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

/// A program that says what it has and then does as the problem's name says.
const PROGRAM: &str = r#"lab=sh -c '
task=$(cat)
echo "{\"output\": {\"step\": 1}}"
echo "{\"output\": {\"step\": 2, \"attempt\": $QTASK_ATTEMPT}}"
case "$task" in
  *fails*) echo "{\"error\": {\"message\": \"no\", \"retry\": true}}" ;;
  *hangs*) trap "exit 1" TERM; sleep 1000 & wait ;;
  *) echo "{\"result\": 1}" ;;
esac'"#;

fn worker(name: &str) -> Worker {
    Worker::command(name, PROGRAM).args(&["--command-grace", "1s"])
}

fn named(name: &str, fields: &Value) -> Value {
    let mut task = problem("lab", fields);
    task["problem_id"] = json!(name);
    task
}

/// The outputs that a task is shown with: attempt and output.
async fn outputs(app: &App, task_id: Uuid) -> Vec<(i64, Value)> {
    let task = app.task(task_id).await;
    let shown = task["attempt_outputs"].as_array().cloned();
    let entry = |entry: Value| {
        assert!(entry["written_at"].is_string(), "{entry}");
        (
            entry["attempt"].as_i64().expect("a number"),
            entry["output"].clone(),
        )
    };
    shown.unwrap_or_default().into_iter().map(entry).collect()
}

async fn wait_for_output(app: &App, task_id: Uuid, expected: &[(i64, Value)]) {
    eventually(DEADLINE, "the output", || async {
        (outputs(app, task_id).await == expected).then_some(())
    })
    .await;
}

fn last_of(attempt: i64) -> (i64, Value) {
    (attempt, json!({"step": 2, "attempt": attempt}))
}

on_both_queues!(
    the_output_of_an_attempt_survives_its_end,
    a_pull_worker_reports_output_as_the_owner_of_the_attempt,
);

async fn the_output_of_an_attempt_survives_its_end(kind: QueueKind) {
    let mut app = App::builder(kind)
        .env("QTASK_BACKENDS", "lab")
        .env("QTASK_RETRY_DELAY", "100ms")
        .start()
        .await;
    app.start_worker(&worker("w1")).await;
    let completes = app.submit(&named("ok", &json!({}))).await;
    app.wait_status(completes, "completed").await;
    assert_eq!(outputs(&app, completes).await, [last_of(1)]);

    let fails = app
        .submit(&named("fails", &json!({"max_attempts": 7})))
        .await;
    app.wait_status(fails, "failed").await;
    let expected: Vec<_> = (3..=7).map(last_of).collect();
    assert_eq!(
        outputs(&app, fails).await,
        expected,
        "those of the last five are kept"
    );

    let runs_out = app
        .submit(&named("hangs", &json!({"timeout_seconds": 2})))
        .await;
    let task = app.wait_status(runs_out, "failed").await;
    assert_eq!(task["error_code"], "timeout");
    assert_eq!(outputs(&app, runs_out).await, [last_of(1)]);

    let cancelled = app.submit(&named("hangs", &json!({}))).await;
    wait_for_output(&app, cancelled, &[last_of(1)]).await;
    app.cancel(cancelled).await.expect(200);
    app.wait_status(cancelled, "cancelled").await;
    assert_eq!(outputs(&app, cancelled).await, [last_of(1)]);

    let lost = app.submit(&named("hangs", &json!({}))).await;
    wait_for_output(&app, lost, &[last_of(1)]).await;
    app.workers[0].kill9().await;
    app.workers.clear();
    app.start_worker(&worker("w2")).await;
    wait_for_output(&app, lost, &[last_of(1), last_of(2)]).await;
    app.cancel(lost).await.expect(200);
    app.wait_status(lost, "cancelled").await;
    app.finish().await;
}

async fn a_pull_worker_reports_output_as_the_owner_of_the_attempt(kind: QueueKind) {
    let app = App::builder(kind)
        .env("QTASK_BACKENDS", "lab")
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let puller = HttpWorker::register(&app, "p", "lab").await;
    let task_id = app.submit(&named("x", &json!({}))).await;
    let claimed = puller.claim_one(&app).await;
    assert_eq!(id_of(&claimed), task_id);
    for n in 1..=3 {
        let output = json!({"output": {"n": n}});
        puller
            .write(&app, &claimed, "logs", &output)
            .await
            .expect(204);
    }
    assert_eq!(outputs(&app, task_id).await, [(1, json!({"n": 3}))]);
    let large = json!({"output": {"x": "x".repeat(1 << 20)}});
    let refused = puller.write(&app, &claimed, "logs", &large).await;
    assert_eq!(refused.expect_problem(422), "validation_failed");
    puller
        .write(&app, &claimed, "release", &json!({}))
        .await
        .expect(200);
    let late = puller
        .write(&app, &claimed, "logs", &json!({"output": {"n": 4}}))
        .await;
    assert_eq!(late.expect_problem(409), "lease_lost");
    let claimed = puller.claim_one(&app).await;
    puller
        .write(&app, &claimed, "logs", &json!({"output": {"n": 5}}))
        .await
        .expect(204);
    puller.complete(&app, &claimed).await.expect(200);
    assert_eq!(
        outputs(&app, task_id).await,
        [(1, json!({"n": 3})), (2, json!({"n": 5}))]
    );
    app.finish().await;
}
