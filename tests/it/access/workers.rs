//! Tokens of workers that speak HTTP.

use serde_json::json;

use super::guarded::{ADMIN, builder, create, get, post};
use crate::support::wait::{DEADLINE, eventually};

#[tokio::test]
async fn a_worker_serves_only_the_backends_of_its_token() {
    let app = builder().start().await;
    let narrow = json!({"name": "lab", "scopes": ["workers"], "backends": ["mine"]});
    let narrow = create(&app, &narrow).await;
    let wide = create(&app, &json!({"name": "wide", "scopes": ["workers"]})).await;
    let register = |backends| json!({"worker_id": "w", "backends": backends});
    let refused = post(
        &app,
        &narrow.text,
        "/workers/register",
        &register(["mine", "theirs"]),
    )
    .await;
    let detail = refused.body["detail"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(detail.contains("`theirs`"), "{detail}");
    assert_eq!(refused.expect_problem(403), "forbidden");
    let registered = post(
        &app,
        &wide.text,
        "/workers/register",
        &register(["mine", "theirs"]),
    )
    .await;
    // A session of another token does not widen this one.
    let claim = json!({"session_id": registered.expect(201)["session_id"]});
    let refused = post(&app, &narrow.text, "/workers/w/claim", &claim).await;
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap_or_default()
            .contains("`theirs`")
    );
    assert_eq!(refused.expect_problem(403), "forbidden");
    post(&app, &wide.text, "/workers/w/claim", &claim)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_session_remembers_the_name_of_its_token() {
    let app = builder().start().await;
    let token = create(&app, &json!({"name": "lab", "scopes": ["workers"]})).await;
    let register = |name: &str| json!({"worker_id": name, "backends": ["mine"]});
    let named = "SELECT count(*) FROM workers WHERE worker_id = $1 AND token_name = $1";
    for (text, name) in [(token.text.as_str(), "lab"), (ADMIN, "admin")] {
        post(&app, text, "/workers/register", &register(name))
            .await
            .expect(201);
        assert_eq!(app.database.count(named, &[&name]).await, 1, "{name}");
    }
}

#[tokio::test]
async fn the_example_of_a_worker_sends_its_token() {
    let app = builder().start().await;
    let token = json!({"name": "lab", "scopes": ["workers"], "backends": ["mine"]});
    let token = create(&app, &token).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/pull_worker.py");
    let mut worker = tokio::process::Command::new("python3")
        .args([
            script,
            "--url",
            &app.url(0, ""),
            "--name",
            "w",
            "--backend",
            "mine",
        ])
        .env("QTASK_TOKEN", &token.text)
        .kill_on_drop(true)
        .spawn()
        .expect("python3");
    let named = "SELECT count(*) FROM workers WHERE worker_id = 'w' AND token_name = 'lab'";
    let registered = || async { (app.database.count(named, &[]).await == 1).then_some(()) };
    eventually(DEADLINE, "the worker", registered).await;
    worker.kill().await.expect("the end of the worker");
}

#[tokio::test]
async fn the_session_of_a_worker_is_shown_to_its_own_token_and_to_administrators() {
    let app = builder().start().await;
    let scopes = json!(["workers", "tasks:read"]);
    let own = create(&app, &json!({"name": "lab", "scopes": scopes})).await;
    let other = create(&app, &json!({"name": "other", "scopes": scopes})).await;
    let register = json!({"worker_id": "w", "backends": ["mine"]});
    let registered = post(&app, &own.text, "/workers/register", &register).await;
    let session = registered.expect(201)["session_id"].clone();
    for (text, shown) in [
        (own.text.as_str(), session.clone()),
        (ADMIN, session),
        (&other.text, json!(null)),
    ] {
        let listed = get(&app, text, "/workers").await.expect(200);
        assert_eq!(listed["workers"][0]["session_id"], shown, "{listed}");
        let read = get(&app, text, "/workers/w").await.expect(200);
        assert_eq!(read["session_id"], shown, "{read}");
    }
}
