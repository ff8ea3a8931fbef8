//! A server whose messages are not in English: its errors are told apart by SQLSTATE.

use reqwest::Method;
use serde_json::json;

use crate::statement_errors::{fail_with, interrupted};
use crate::support::postgres_node::has_german_messages;
use crate::support::skipped::report_skipped;
use crate::support::{App, PrivatePostgres, QueueKind, TestDatabase};

async fn start_on(node: &PrivatePostgres) -> App {
    let database = TestDatabase::create_on(&node.url()).await;
    App::builder(QueueKind::Postgres)
        .database(database)
        .start()
        .await
}

#[tokio::test]
async fn errors_in_german_are_answered_like_errors_in_english() {
    if !has_german_messages() {
        let reason =
            "it takes localedef, its source of de_DE, and the German messages of PostgreSQL";
        report_skipped(
            "errors_in_german_are_answered_like_errors_in_english",
            reason,
        );
        return;
    }
    let node = PrivatePostgres::start_with_german_messages().await;
    let app = start_on(&node).await;
    let read = format!("/tasks/{}", uuid::Uuid::nil());
    let task = json!({"circuit": "x", "backend": "mock", "name": "poison"});

    let cancelled = interrupted(&app, Method::POST, "/tasks", "pg_cancel_backend").await;
    assert_eq!(cancelled.expect_problem(503), "statement_cancelled");
    let ended = interrupted(&app, Method::POST, "/tasks", "pg_terminate_backend").await;
    assert_eq!(ended.expect_problem(503), "outcome_unknown");
    let ended = interrupted(&app, Method::GET, &read, "pg_terminate_backend").await;
    assert_eq!(ended.expect_problem(503), "database_unavailable");

    for (change, back, status, code) in [
        (
            "ALTER TABLE tasks ADD CONSTRAINT no_poison CHECK (name <> 'poison')",
            "ALTER TABLE tasks DROP CONSTRAINT no_poison",
            422,
            "unstorable",
        ),
        (
            "ALTER TABLE task_tags RENAME TO renamed",
            "ALTER TABLE renamed RENAME TO task_tags",
            503,
            "database_unavailable",
        ),
        (
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000'); ALTER TABLE tasks RENAME tags TO renamed",
            "DELETE FROM __diesel_schema_migrations WHERE version = '99990101000000'; ALTER TABLE tasks RENAME renamed TO tags",
            503,
            "schema_too_new",
        ),
    ] {
        let client = app.database.connect().await;
        client.batch_execute(change).await.expect("a change");
        let refused = app.post("/tasks", &task).await;
        assert_eq!(refused.expect_problem(status), code, "{change}");
        client.batch_execute(back).await.expect("the change back");
    }

    fail_with(&app, "kein Platz mehr", "53100").await;
    let full = app.post("/tasks", &task).await;
    assert_eq!(full.expect_problem(507), "storage_full");
    let drop = "DROP TRIGGER fail ON tasks";
    app.database.execute(drop, &[]).await;
    app.post("/tasks", &task).await.expect(201);

    let log = node.log();
    for message in [
        "storniere Anfrage",
        "Verbindung wird abgebrochen",
        "verletzt Check-Constraint",
    ] {
        assert!(log.contains(message), "not in German: {message}\n{log}");
    }
}
