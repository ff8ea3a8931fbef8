//! A token that ends: requests, waits and streams stop with it, in every process.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::guarded::{Token, builder, call, post, revoke, with_scope};
use crate::support::App;
use crate::support::client::{Reply, http_client};
use crate::support::wait::eventually;

/// With an announcement, long before the lookup of a token is repeated.
const SOON: Duration = Duration::from_secs(10);
/// Without an announcement.
const LATEST: Duration = Duration::from_secs(30);

async fn read(app: &App, api: usize, token: &Token) -> Reply {
    call((app, api), &token.text, Method::GET, "/backends", None).await
}

async fn wait_refused(app: &App, api: usize, token: &Token, limit: Duration) {
    let refused = || async { (read(app, api, token).await.status == 401).then_some(()) };
    eventually(limit, "a refusal", refused).await;
}

#[tokio::test]
async fn a_revoked_token_is_refused_by_every_process_at_once() {
    let app = builder().apis(2).start().await;
    let token = with_scope(&app, "tasks:read").await;
    for api in 0..2 {
        read(&app, api, &token).await.expect(200);
    }
    revoke(&app, 0, &token).await;
    assert_eq!(read(&app, 0, &token).await.status, 401);
    wait_refused(&app, 1, &token, SOON).await;
}

#[tokio::test]
async fn a_token_is_accepted_by_every_process_after_it_was_unknown() {
    let app = builder().apis(2).start().await;
    let unknown = Token {
        id: "0123456789ab".to_owned(),
        text: format!("qtk_0123456789ab_{}", "0".repeat(64)),
    };
    assert_eq!(read(&app, 1, &unknown).await.status, 401);
    // The id of a new token cannot be known before: the row gets it.
    let created = with_scope(&app, "tasks:read").await;
    let rename = "UPDATE tokens SET token_id = '0123456789ab' WHERE token_id = $1";
    app.database.execute(rename, &[&created.id]).await;
    let digest = "UPDATE tokens SET digest = sha256($1::bytea) WHERE token_id = '0123456789ab'";
    app.database
        .execute(digest, &[&unknown.text.as_bytes()])
        .await;
    app.database
        .execute("SELECT pg_notify('qtask_tokens', '0123456789ab')", &[])
        .await;
    let accepted = || async { (read(&app, 1, &unknown).await.status == 200).then_some(()) };
    eventually(SOON, "the new token", accepted).await;
}

#[tokio::test]
async fn a_revocation_takes_effect_without_an_announcement_too() {
    let app = builder().apis(2).start().await;
    let token = with_scope(&app, "tasks:read").await;
    let task_id = submit(&app).await.expect(201)["task_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut stream = events(&app, 1, &token, &task_id).await;
    read(&app, 1, &token).await.expect(200);
    let began = Instant::now();
    let silently =
        "UPDATE tokens SET revoked_at = clock_timestamp(), slot = NULL WHERE token_id = $1";
    assert_eq!(app.database.execute(silently, &[&token.id]).await, 1);
    wait_refused(&app, 1, &token, LATEST).await;
    while let Some(_keep_alive) = stream.chunk().await.expect("a stream") {}
    assert!(began.elapsed() < LATEST, "{:?}", began.elapsed());
    app.abandon_work();
}

async fn submit(app: &App) -> Reply {
    let task = json!({"circuit": "x", "backend": "mock"});
    post(app, super::guarded::ADMIN, "/tasks", &task).await
}

async fn events(app: &App, api: usize, token: &Token, task_id: &str) -> reqwest::Response {
    let path = app.url(api, &format!("/tasks/{task_id}/events"));
    let stream = http_client()
        .get(path)
        .bearer_auth(&token.text)
        .send()
        .await;
    let stream = stream.expect("a stream");
    assert_eq!(stream.status(), 200);
    stream
}

#[tokio::test]
async fn a_listener_that_was_cut_forgets_what_it_knew() {
    let app = builder().start().await;
    let token = with_scope(&app, "tasks:read").await;
    read(&app, 0, &token).await.expect(200);
    let silently =
        "UPDATE tokens SET revoked_at = clock_timestamp(), slot = NULL WHERE token_id = $1";
    app.database.execute(silently, &[&token.id]).await;
    read(&app, 0, &token).await.expect(200);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')";
    app.database.execute(cut, &[]).await;
    let connections = || {
        app.apis[0]
            .events()
            .all(|event| event.is("database.listener_connected"))
    };
    let reconnected = || async { (connections().len() > 1).then_some(()) };
    eventually(SOON, "a new connection of the listener", reconnected).await;
    wait_refused(&app, 0, &token, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_expired_token_is_refused_although_it_was_looked_up_before() {
    let app = builder().start().await;
    let token = with_scope(&app, "tasks:read").await;
    let expire = "UPDATE tokens SET expires_at = clock_timestamp() + interval '3 seconds' WHERE token_id = $1";
    app.database.execute(expire, &[&token.id]).await;
    read(&app, 0, &token).await.expect(200);
    let began = Instant::now();
    wait_refused(&app, 0, &token, SOON).await;
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn waits_and_streams_end_with_the_token_of_their_caller() {
    let app = builder().start().await;
    let reader = with_scope(&app, "tasks:read").await;
    let worker = with_scope(&app, "workers").await;
    let task_id = submit(&app).await.expect(201)["task_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let registered = json!({"worker_id": "w", "backends": ["other"]});
    let session = post(&app, &worker.text, "/workers/register", &registered)
        .await
        .expect(201);
    let claim = json!({"session_id": session["session_id"], "wait": 60});
    let mut stream = events(&app, 0, &reader, &task_id).await;
    let waiting_path = format!("/tasks/{task_id}?wait=60");
    let waiting = super::guarded::get(&app, &reader.text, &waiting_path);
    let claiming = post(&app, &worker.text, "/workers/w/claim", &claim);
    let ending = async {
        app.apis[0].wait_for("request.waiting").await;
        app.apis[0].wait_for("worker.claim_waiting").await;
        revoke(&app, 0, &reader).await;
        revoke(&app, 0, &worker).await;
        Instant::now()
    };
    let (waited, claimed, revoked_at) = tokio::join!(waiting, claiming, ending);
    while let Some(_event) = stream.chunk().await.expect("a stream") {}
    assert!(revoked_at.elapsed() < SOON, "{:?}", revoked_at.elapsed());
    assert_eq!(waited.expect_problem(401), "unauthenticated");
    assert_eq!(claimed.expect_problem(401), "unauthenticated");
    app.abandon_work();
}

#[tokio::test]
async fn tokens_outlast_a_restart() {
    let mut app = builder().start().await;
    let (kept, revoked) = (
        with_scope(&app, "tasks:read").await,
        with_scope(&app, "tasks:write").await,
    );
    revoke(&app, 0, &revoked).await;
    app.apis[0].kill9().await;
    app.spawn_api();
    app.wait_ready().await;
    read(&app, 1, &kept).await.expect(200);
    assert_eq!(read(&app, 1, &revoked).await.status, 401);
}
