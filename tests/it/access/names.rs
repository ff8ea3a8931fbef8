//! The name of a living worker belongs to the token that began its session.

use serde_json::{Value, json};

use super::guarded::{builder, create, post};
use crate::support::App;
use crate::support::app::Worker;
use crate::support::client::Reply;

async fn register(app: &App, token: &str, replace: bool) -> Reply {
    let body = json!({"worker_id": "lab-1", "backends": ["mock"], "replace": replace});
    post(app, token, "/workers/register", &body).await
}

async fn token(app: &App, name: &str) -> String {
    let fields = json!({"name": name, "scopes": ["workers"]});
    create(app, &fields).await.text
}

fn assert_belongs_to_another_token(refused: Reply) {
    let detail = refused.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("a token of this name"), "{detail}");
    assert_eq!(refused.expect_problem(409), "worker_name_in_use");
}

#[tokio::test]
async fn a_living_name_is_taken_over_with_a_token_of_the_same_name_only() {
    let app = builder().env("QTASK_LEASE_DURATION", "1h").start().await;
    let (own, other) = (token(&app, "lab").await, token(&app, "other").await);
    // Two tokens of one name, while one replaces the other.
    let rotated = token(&app, "lab").await;
    let began = register(&app, &own, false).await.expect(201);
    assert_belongs_to_another_token(register(&app, &other, true).await);
    // The session goes on.
    let beat = json!({"worker_id": "lab-1", "session_id": began["session_id"]});
    post(&app, &own, "/workers/heartbeat", &beat)
        .await
        .expect(200);
    let refused = register(&app, &own, false).await;
    assert_eq!(refused.expect_problem(409), "worker_name_in_use");
    for allowed in [&own, &rotated] {
        register(&app, allowed, true).await.expect(201);
    }
    // A session that has ended leaves the name to everybody.
    let end = "UPDATE workers SET ended_at = clock_timestamp()";
    app.database.execute(end, &[]).await;
    register(&app, &other, false).await.expect(201);
    assert_belongs_to_another_token(register(&app, &own, true).await);
}

#[tokio::test]
async fn a_token_does_not_take_over_the_name_of_a_native_worker_which_may_take_over_its_own() {
    let mut app = builder()
        .env("QTASK_LEASE_DURATION", "1h")
        .worker(Worker::new("lab-1", "mock"))
        .start()
        .await;
    let lab = token(&app, "lab").await;
    assert_belongs_to_another_token(register(&app, &lab, true).await);
    assert!(app.workers.remove(0).terminate().await.success());

    let began: Value = register(&app, &lab, false).await.expect(201);
    let native = Worker::new("lab-1", "mock").args(&["--replace"]);
    app.start_worker(&native).await;
    let beat = json!({"worker_id": "lab-1", "session_id": began["session_id"]});
    let replaced = post(&app, &lab, "/workers/heartbeat", &beat).await;
    assert_eq!(replaced.expect_problem(409), "session_replaced");
    app.finish().await;
}
