//! Lookups of tokens, and requests that are refused for theirs, are counted.

use serde_json::json;

use super::guarded::{ADMIN, builder, get, post, revoke, with_scope};
use crate::support::mocks::mock;

#[tokio::test]
async fn lookups_and_refusals_of_tokens_are_counted() {
    let app = builder().start().await;
    let token = with_scope(&app, "tasks:read").await;
    for _ in 0..2 {
        get(&app, &token.text, "/tasks").await.expect(200);
    }
    let lacking = post(&app, &token.text, "/tasks", &mock("")).await;
    assert_eq!(lacking.expect_problem(403), "forbidden");
    assert_eq!(app.post("/tasks", &json!({})).await.status, 401);
    assert_eq!(get(&app, "nonsense", "/tasks").await.status, 401);
    revoke(&app, 0, &token).await;
    assert_eq!(get(&app, &token.text, "/tasks").await.status, 401);
    let metrics = get(&app, ADMIN, "/metrics").await.body;
    let metrics = metrics.as_str().expect("text");
    for line in [
        r#"refusals_total{reason="scope"} 1"#,
        r#"refusals_total{reason="missing"} 1"#,
        r#"refusals_total{reason="unknown"} 1"#,
        r#"refusals_total{reason="revoked"} 1"#,
        r#"refusals_total{reason="expired"} 0"#,
        r#"lookups_total{source="cache"} 2"#,
        r#"lookups_total{source="database"} 2"#,
        r#"lookups_total{source="none"} 0"#,
    ] {
        let line = format!("qtask_token_{line}");
        assert!(metrics.lines().any(|it| it == line), "{line}\n{metrics}");
    }
}
