//! A whole service over verified TLS: every connection is encrypted, and errors are recognised inside.

use std::time::Duration;

use reqwest::Method;

use super::tls;
use crate::statement_errors::{fail_with, interrupted};
use crate::support::app::Worker;
use crate::support::certificates::Authority;
use crate::support::events::Event;
use crate::support::mocks::mock;
use crate::support::postgres_tls::PostgresTls;
use crate::support::postgres_tls::roles::{PASSWORD, SCRAM};
use crate::support::process::run;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, PrivatePostgres, QueueKind, TestDatabase};

const LIMIT: Duration = Duration::from_secs(20);

/// The URL of a database, for a role with a password that is bound to the TLS session.
fn verified(database: &TestDatabase, authority: &Authority) -> String {
    let url = database.url();
    let (port, name) = (url.port().expect("a port"), url.path());
    let root = authority.file();
    format!(
        "postgresql://{SCRAM}:{PASSWORD}@localhost:{port}{name}?sslmode=verify-full&sslrootcert={}&channel_binding=require",
        root.display()
    )
}

/// The sessions of qtask, and those of them that are encrypted.
async fn sessions(database: &TestDatabase) -> (i64, i64) {
    let sql = "SELECT count(*), count(*) FILTER (WHERE ssl AND version = 'TLSv1.3')
               FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
               WHERE application_name = 'qtask' AND datname = current_database()";
    let row = database.connect().await.query_one(sql, &[]).await;
    let row = row.expect("sessions");
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_task_lives_over_verified_connections() {
    let authority = Authority::new();
    let node = PrivatePostgres::start_with_tls(&tls(&authority, &["localhost"])).await;
    let database = TestDatabase::create_on(&node.url()).await;
    let url = verified(&database, &authority);
    let environment = [("DATABASE_URL", url.as_str())];
    for arguments in [&["migrate", "down", "--yes"][..], &["migrate"]] {
        let output = run(arguments, &environment).await;
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}");
    }
    let app = App::builder(QueueKind::Postgres)
        .database(database)
        .env("DATABASE_URL", &url)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    app.apis[0].wait_for("database.listener_connected").await;
    app.workers[0].wait_for("database.listener_connected").await;
    let done = app.submit(&mock("sleep 100ms")).await;
    assert_eq!(app.wait_terminal(done, LIMIT).await["status"], "completed");
    // The request to cancel reaches the worker as a notification.
    let long = app.submit(&mock("sleep 1h")).await;
    app.wait_status(long, "processing").await;
    app.cancel(long).await.expect(200);
    assert_eq!(app.wait_terminal(long, LIMIT).await["status"], "cancelled");
    let (all, encrypted) = sessions(&app.database).await;
    assert!(all >= 4 && all == encrypted, "{encrypted} of {all}");
    app.finish().await;
}

#[tokio::test]
async fn errors_of_statements_are_recognised_inside_tls() {
    let authority = Authority::new();
    let node = PrivatePostgres::start_with_tls(&tls(&authority, &["localhost"])).await;
    let database = TestDatabase::create_on(&node.url()).await;
    let url = verified(&database, &authority);
    let app = App::builder(QueueKind::Postgres)
        .database(database)
        .env("DATABASE_URL", &url)
        .start()
        .await;
    let cancelled = interrupted(&app, Method::POST, "/tasks", "pg_cancel_backend").await;
    assert_eq!(cancelled.expect_problem(503), "statement_cancelled");
    let ended = interrupted(&app, Method::POST, "/tasks", "pg_terminate_backend").await;
    assert_eq!(ended.expect_problem(503), "outcome_unknown");
    fail_with(&app, "no space left", "53100").await;
    let full = app.post("/tasks", &mock("")).await;
    assert_eq!(full.expect_problem(507), "storage_full");
    app.finish().await;
}

#[tokio::test]
async fn a_certificate_that_expires_is_named_and_its_renewal_needs_no_restart() {
    let authority = Authority::new();
    let good = tls(&authority, &["localhost"]);
    let node = PrivatePostgres::start_with_tls(&good).await;
    let database = TestDatabase::create_on(&node.url()).await;
    let url = verified(&database, &authority);
    let app = App::builder(QueueKind::Postgres)
        .database(database)
        .env("DATABASE_URL", &url)
        .start()
        .await;
    node.set_tls(&PostgresTls {
        server: authority.expired_server(&["localhost"]),
        ..good.clone()
    })
    .await;
    let end =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'qtask'";
    let client = app.database.connect().await;
    client.batch_execute(end).await.expect("no connections");
    let named = || async {
        let reply = app.get("/readyz").await;
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        let expected =
            "Not ready: the database cannot be reached: the server's certificate has expired.";
        (detail == expected).then_some(())
    };
    eventually(DEADLINE, "the reason in /readyz", named).await;
    let health = app.get("/health").await.expect(200);
    assert_eq!(health["database_status"], "disconnected", "{health}");
    let detail = health["database_detail"].as_str().unwrap_or_default();
    assert!(detail.contains("has expired"), "{health}");
    let dated = |event: &Event| {
        let error = event.field("error").unwrap_or_default();
        event.is("request.health_check_failed")
            && error.contains("expired (at 2021-01-01 00:00 UTC")
    };
    app.apis[0]
        .wait_after(0, "the date in the log", dated)
        .await;
    node.set_tls(&good).await;
    let healed = || async { (app.get("/readyz").await.status == 200).then_some(()) };
    eventually(DEADLINE, "readiness", healed).await;
    app.finish().await;
}
