//! The text of a token stands nowhere but in the answer to its creation.

use serde_json::json;

use super::guarded::{ADMIN, builder, create, get, post, revoke};

#[tokio::test]
async fn no_log_line_answer_process_list_or_row_has_the_text_of_a_token() {
    let mut app = builder().env("LOG_LEVEL", "trace").start().await;
    let token = create(&app, &json!({"name": "ci", "scopes": ["admin"]})).await;
    let mut answers = String::new();
    for path in [
        "/tokens",
        "/health",
        "/metrics",
        "/openapi.json",
        "/tasks",
        "/nowhere",
    ] {
        answers += &get(&app, &token.text, path).await.body.to_string();
    }
    answers += &post(&app, &token.text, "/tokens", &json!({"name": 1}))
        .await
        .body
        .to_string();
    let guessed = format!("{}0", token.text);
    answers += &get(&app, &guessed, "/tasks").await.body.to_string();
    revoke(&app, 0, &token).await;
    answers += &get(&app, &token.text, "/tasks").await.body.to_string();
    let arguments =
        std::fs::read(format!("/proc/{}/cmdline", app.apis[0].pid())).expect("arguments");
    let arguments = String::from_utf8_lossy(&arguments).into_owned();
    assert!(app.apis[0].terminate().await.success());
    let log = app.apis[0].events().tail(usize::MAX);
    assert!(log.contains("token.created"), "{log}");
    let secret = token.text.rsplit('_').next().expect("a secret");
    for text in [&answers, &log, &arguments] {
        assert!(!text.contains(secret) && !text.contains(ADMIN));
    }
    let stored = "SELECT count(*) FROM tokens WHERE tokens::text LIKE '%' || $1 || '%'";
    assert_eq!(app.database.count(stored, &[&secret]).await, 0);
}
