//! DELETE of a task whose owner speaks HTTP.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use super::task;
use crate::support::answers::{keys, text};
use crate::support::contract::Contract;
use crate::support::json_schema::assert_time;
use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind};

async fn start() -> App {
    App::builder(QueueKind::Postgres).start().await
}

#[tokio::test]
async fn a_waiting_task_is_cancelled_and_a_repetition_says_the_same() {
    let app = start().await;
    let api = Contract::of(&app).await;
    let task_id = app.submit(&task()).await;
    let path = format!("/tasks/{task_id}");
    let first = api.delete(&path).await.expect(200);
    let fields = ["cancel_requested_at", "message", "status", "task_id"];
    assert_eq!(keys(&first), BTreeSet::from(fields));
    assert_eq!(
        (text(&first, "status"), text(&first, "message")),
        ("cancelled", "The task is cancelled.")
    );
    assert_time(&first["cancel_requested_at"]);
    let again = api.delete(&path).await.expect(200);
    assert_eq!(again["cancel_requested_at"], first["cancel_requested_at"]);
    assert_eq!(text(&again, "message"), "The task was cancelled before.");
    assert_eq!(api.get(&path).await.expect(200)["status"], "cancelled");
}

#[tokio::test]
async fn an_owner_acknowledges_a_cancel_by_a_release_or_a_failure() {
    let app = start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    for (end, fields) in [
        ("release", json!({})),
        ("fail", json!({"message": "stopped"})),
        ("fail", json!({"message": "stopped", "retry": true})),
    ] {
        let task_id = puller.submit_and_claim(&app, &task()).await;
        let path = format!("/tasks/{task_id}");
        let asked = api.delete(&path).await.expect(200);
        assert_eq!(asked["status"], "processing");
        assert!(text(&asked, "message").contains("being told"), "{asked}");
        let running = api.get(&path).await.expect(200);
        assert_eq!(running["cancel_requested_at"], asked["cancel_requested_at"]);
        // The second time is a repetition whose first answer was lost.
        for _ in 0..2 {
            let body = puller.body(1, &fields);
            let ended = api.post(&format!("{path}/{end}"), &body).await.expect(200);
            assert_eq!(ended, json!({"task_id": task_id, "status": "cancelled"}));
        }
        assert_eq!(
            app.database.statuses(task_id).await,
            ["pending", "processing", "cancelled"]
        );
    }
}

#[tokio::test]
async fn a_result_that_comes_after_the_request_to_cancel_stands() {
    let app = start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let path = format!("/tasks/{task_id}");
    api.delete(&path).await.expect(200);
    let body = puller.body(1, &json!({"result": {"0": 1}}));
    let ended = api
        .post(&format!("{path}/complete"), &body)
        .await
        .expect(200);
    assert_eq!(ended["status"], "completed");
    assert_eq!(
        api.delete(&path).await.expect_problem(409),
        "task_already_terminal"
    );
}

#[tokio::test]
async fn what_has_ended_or_is_not_there_cannot_be_cancelled() {
    let app = start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let path = format!("/tasks/{task_id}");
    let body = puller.body(1, &json!({"message": "no"}));
    api.post(&format!("{path}/fail"), &body).await.expect(200);
    let refused = api.delete(&path).await;
    assert!(text(&refused.body, "detail").contains("failed"));
    assert_eq!(refused.expect_problem(409), "task_already_terminal");
    let unknown = format!("/tasks/{}", Uuid::now_v7());
    assert_eq!(
        api.delete(&unknown).await.expect_problem(404),
        "task_not_found"
    );
    assert_eq!(
        api.delete("/tasks/x").await.expect_problem(400),
        "invalid_task_id"
    );
}
