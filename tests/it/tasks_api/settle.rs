//! Complete, fail and release, as the owner of a running task says them over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::task;
use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::wait::DEADLINE;
use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind, on_both_queues};

async fn counters(app: &App, worker_id: &str) -> (i64, i64) {
    let query = "SELECT tasks_completed, tasks_failed FROM workers WHERE worker_id = $1";
    let client = app.database.connect().await;
    let row = client.query_one(query, &[&worker_id]).await.expect("one");
    (row.get(0), row.get(1))
}

on_both_queues!(
    a_result_ends_the_task_once_however_often_it_is_delivered,
    a_failure_is_final_unless_it_may_be_retried_and_attempts_are_left,
    a_released_task_goes_to_the_next_worker_and_the_attempt_does_not_count,
);

async fn a_result_ends_the_task_once_however_often_it_is_delivered(kind: QueueKind) {
    let app = App::builder(kind).start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let results = [
        json!({"00": 1}),
        json!([1, "two"]),
        json!("text"),
        json!(0),
        json!(false),
    ];
    for result in &results {
        let task_id = puller.submit_and_claim(&app, &task()).await;
        let path = format!("/tasks/{task_id}/complete");
        let body = puller.body(
            1,
            &json!({"result": result, "execution": {"method": "mine"}}),
        );
        for _ in 0..3 {
            let answer = api.post(&path, &body).await.expect(200);
            assert_eq!(answer, json!({"task_id": task_id, "status": "completed"}));
        }
        let task = api.get(&format!("/tasks/{task_id}")).await.expect(200);
        assert_eq!(
            (&task["result"], &task["execution"]["method"]),
            (result, &json!("mine"))
        );
        assert!(
            task["execution"]["queued_ms"].is_u64() && task["execution"]["executed_ms"].is_u64(),
            "{task}"
        );
        assert_eq!(
            app.database.statuses(task_id).await,
            ["pending", "processing", "completed"]
        );
        app.apis[0]
            .wait_for_field("task.completed", "task_id", &task_id.to_string())
            .await;
    }
    assert_eq!(
        counters(&app, "w").await,
        (5, 0),
        "each task is counted once"
    );
    app.abandon_work();
}

async fn a_failure_is_final_unless_it_may_be_retried_and_attempts_are_left(kind: QueueKind) {
    let app = App::builder(kind)
        .env("QTASK_RETRY_DELAY", "1h")
        .env("QTASK_RETRY_DELAY_MAX", "1h")
        .start()
        .await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let mut two_attempts = task();
    two_attempts["max_attempts"] = json!(2);
    let task_id = puller.submit_and_claim(&app, &two_attempts).await;
    let path = format!("/tasks/{task_id}");
    let failing =
        json!({"code": "cluster_down", "message": "no route\nto the host", "retry": true});
    for _ in 0..2 {
        let answer = api
            .post(&format!("{path}/fail"), &puller.body(1, &failing))
            .await
            .expect(200);
        assert_eq!(answer["status"], "retrying");
    }
    let waiting = api.get(&path).await.expect(200);
    assert_eq!(
        (&waiting["error_code"], &waiting["worker_id"]),
        (&json!("cluster_down"), &json!("w"))
    );
    let due =
        "SELECT count(*) FROM tasks WHERE available_at > clock_timestamp() + interval '29 minutes'";
    assert_eq!(
        app.database.count(due, &[]).await,
        1,
        "the delay that was set"
    );
    assert_eq!(counters(&app, "w").await, (0, 0));

    puller.claim(&app.database, task_id).await;
    let answer = api
        .post(&format!("{path}/fail"), &puller.body(2, &failing))
        .await
        .expect(200);
    assert_eq!(answer["status"], "failed", "that was the last attempt");
    let failed = api.get(&path).await.expect(200);
    assert_eq!(
        (&failed["error_code"], &failed["error_message"]),
        (&json!("cluster_down"), &failing["message"])
    );
    assert_eq!(
        app.database.statuses(task_id).await,
        ["pending", "processing", "retrying", "processing", "failed"]
    );
    assert_eq!(counters(&app, "w").await, (0, 1));

    let at_once = puller.submit_and_claim(&app, &task()).await;
    let body = puller.body(1, &json!({"message": "bad \0 byte"}));
    for _ in 0..2 {
        let answer = api
            .post(&format!("/tasks/{at_once}/fail"), &body)
            .await
            .expect(200);
        assert_eq!(answer["status"], "failed");
    }
    let failed = app.task(at_once).await;
    assert_eq!(
        (&failed["error_code"], &failed["error_message"]),
        (&json!("execution_error"), &json!("bad \u{fffd} byte"))
    );
    app.abandon_work();
}

async fn a_released_task_goes_to_the_next_worker_and_the_attempt_does_not_count(kind: QueueKind) {
    let mut app = App::builder(kind).start().await;
    let mut once = task();
    once["max_attempts"] = json!(1);
    let puller = WorkerRows::register(&app.database, "leaving").await;
    let task_id = puller.submit_and_claim(&app, &once).await;
    let api = Contract::of(&app).await;
    for _ in 0..2 {
        let answer = api
            .post(
                &format!("/tasks/{task_id}/release"),
                &puller.body(1, &json!({})),
            )
            .await
            .expect(200);
        assert_eq!(answer, json!({"task_id": task_id, "status": "retrying"}));
    }
    app.start_worker(&Worker::new("native", "mock")).await;
    let done = app.wait_terminal(task_id, DEADLINE).await;
    assert_eq!(
        (&done["status"], &done["attempt"]),
        (&json!("completed"), &json!(2))
    );
    let late = app
        .post(
            &format!("/tasks/{task_id}/complete"),
            &puller.body(1, &json!({"result": 1})),
        )
        .await;
    assert_eq!(late.expect_problem(409), "lease_lost");
    // The repetition of what did succeed still does.
    let again = app
        .post(
            &format!("/tasks/{task_id}/release"),
            &puller.body(1, &json!({})),
        )
        .await
        .expect(200);
    assert_eq!(again["status"], "retrying");
    app.finish().await;
}

#[tokio::test]
async fn whoever_is_not_the_owner_changes_nothing() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let owner = WorkerRows::register(&app.database, "owner").await;
    let other = WorkerRows::register(&app.database, "other").await;
    let old_session = WorkerRows {
        session_id: Uuid::now_v7(),
        ..owner.clone()
    };
    let task_id = owner.submit_and_claim(&app, &task()).await;
    let before = app.database.task(task_id).await;
    let strangers = [
        other.body(1, &json!({})),
        old_session.body(1, &json!({})),
        owner.body(2, &json!({})),
    ];
    for (end, fields) in ends() {
        for stranger in &strangers {
            let body = merged(stranger, &fields);
            let reply = api.post(&format!("/tasks/{task_id}/{end}"), &body).await;
            assert_eq!(reply.expect_problem(409), "lease_lost", "{end} {body}");
        }
        let unknown = format!("/tasks/{}/{end}", Uuid::now_v7());
        let reply = api.post(&unknown, &owner.body(1, &fields)).await;
        assert_eq!(reply.expect_problem(404), "task_not_found", "{end}");
    }
    assert_eq!(app.database.task(task_id).await, before);
    assert_eq!(app.database.statuses(task_id).await.len(), 2);
    let logs = "SELECT count(*) FROM task_logs";
    assert_eq!(app.database.count(logs, &[]).await, 0);
    app.abandon_work();
}

/// Each write of an owner, with what it needs beside the owner.
pub fn ends() -> [(&'static str, Value); 4] {
    [
        ("complete", json!({"result": {}})),
        ("fail", json!({"message": "m"})),
        ("release", json!({})),
        ("logs", json!({"logs": [{"message": "m"}]})),
    ]
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut all = one.clone();
    for (name, value) in other.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    all
}

#[tokio::test]
async fn a_result_of_eight_mebibytes_is_kept_and_a_larger_one_is_refused() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let path = format!("/tasks/{task_id}/complete");
    let of = |bytes: usize| puller.body(1, &json!({"result": "x".repeat(bytes)}));
    let too_large = api.post(&path, &of((8 << 20) + (65 << 10))).await;
    super::assert_fields(too_large, &["result"]);
    let far_too_large = api.post(&path, &of(9 << 20)).await;
    assert_eq!(far_too_large.expect_problem(413), "payload_too_large");
    api.post(&path, &of((8 << 20) - 2)).await.expect(200);
    let task = app.wait_terminal(task_id, Duration::from_secs(30)).await;
    assert_eq!(task["result"].as_str().map(str::len), Some((8 << 20) - 2));
}
