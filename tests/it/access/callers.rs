//! Services with and without tokens.

use serde_json::json;

use super::guarded::{ADMIN, builder, create, get};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, Process, QueueKind};

#[tokio::test]
async fn an_open_service_ignores_tokens_and_says_so_if_there_are_any() {
    let mut app = builder().start().await;
    create(&app, &json!({"name": "ci", "scopes": ["tasks:read"]})).await;
    let url = app.database.url().to_string();
    let open = Process::spawn(
        "open",
        &["serve", "--host", "127.0.0.1", "--port", "0"],
        &[("DATABASE_URL".to_owned(), url)],
    );
    open.wait_for("token.not_demanded").await;
    app.apis.push(open);
    app.wait_listening().await;
    let client = crate::support::client::http_client();
    let answer = client.get(app.url(1, "/tokens")).bearer_auth("sesame");
    assert_eq!(answer.send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn tokens_may_be_demanded_without_an_administrator() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_REQUIRE_TOKENS", "true")
        .start()
        .await;
    assert_eq!(
        get(&app, ADMIN, "/tasks").await.expect_problem(401),
        "unauthenticated"
    );
    assert_eq!(
        app.get("/tasks").await.expect_problem(401),
        "unauthenticated"
    );
    for path in ["/health", "/readyz", "/livez"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_use_of_a_token_is_recorded_and_shown() {
    let app = builder().start().await;
    let token = create(&app, &json!({"name": "ci", "scopes": ["tasks:read"]})).await;
    let used = "SELECT count(*) FROM tokens WHERE last_used_at IS NOT NULL";
    assert_eq!(app.database.count(used, &[]).await, 0);
    get(&app, &token.text, "/backends").await.expect(200);
    let recorded = || async { (app.database.count(used, &[]).await == 1).then_some(()) };
    eventually(DEADLINE, "the use of the token", recorded).await;
    let listed = get(&app, ADMIN, "/tokens").await.expect(200);
    assert!(listed["tokens"][0]["last_used_at"].is_string(), "{listed}");
    assert_eq!(listed["tokens"][0]["created_by"], "admin");
}
