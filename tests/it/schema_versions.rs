//! A database without a schema, or with one of another version: said by its name, with the command that helps.

use serde_json::{Value, json};

use crate::support::app::Worker;
use crate::support::client::Reply;
use crate::support::contract::Contract;
use crate::support::process::run;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestDatabase};

async fn migrate(database: &TestDatabase, arguments: &[&str]) -> String {
    let arguments = [&["migrate"], arguments].concat();
    let done = run(&arguments, &[("DATABASE_URL", database.url().as_str())]).await;
    assert!(done.status.success(), "{arguments:?}: {done:?}");
    String::from_utf8(done.stdout).expect("output in UTF-8")
}

/// Reverts this version and all later ones.
async fn revert_since(database: &TestDatabase, name: &str) {
    let status = migrate(database, &["status"]).await;
    let since = status.lines().skip_while(|line| !line.ends_with(name));
    let steps = since.count().to_string();
    migrate(database, &["down", "--yes", "--steps", &steps]).await;
}

fn task() -> Value {
    json!({"circuit": "x", "backend": "mock"})
}

/// Waits until submissions are refused: a schema that was right is taken for right for some seconds.
async fn wait_refused(api: &Contract<'_>) -> Reply {
    eventually(DEADLINE, "a submission to be refused", || async {
        let reply = api.post("/tasks", &task()).await;
        (reply.status == 503).then_some(reply)
    })
    .await
}

/// Fails unless every answer and the log name the fault and what to do.
async fn assert_named(app: &App, code: &str, command: &str) {
    let api = Contract::of(app).await;
    let not_ready = eventually(DEADLINE, "an API that is not ready", || async {
        let reply = api.get("/readyz").await;
        (reply.status == 503).then_some(reply)
    });
    for reply in [not_ready.await, wait_refused(&api).await] {
        assert_eq!(reply.headers["retry-after"], "2");
        let detail = reply.body["detail"].to_string();
        assert!(detail.contains(command), "{detail}");
        assert_eq!(reply.expect_problem(503), code);
    }
    let health = api.get("/health").await.expect(200);
    assert_eq!(health["status"], "degraded", "{health}");
    assert_eq!(health["database_status"], code);
    assert!(
        health["database_detail"].to_string().contains(command),
        "{health}"
    );
    app.apis[0]
        .wait_for_field("database.schema_mismatch", "code", code)
        .await;
}

async fn assert_works(app: &App) {
    let works = || async {
        let ready = app.get("/readyz").await.status == 200;
        (ready && app.post("/tasks", &task()).await.status == 201).then_some(())
    };
    eventually(DEADLINE, "a service that works", works).await;
    let health = app.get("/health").await.expect(200);
    assert_eq!(health["database_status"], "connected");
    assert_eq!(health.get("database_detail"), None, "{health}");
}

#[tokio::test]
async fn a_database_without_a_schema_waits_for_qtask_migrate() {
    let database = TestDatabase::create_empty().await;
    let builder = App::builder(QueueKind::Postgres).database(database);
    let app = builder
        .worker(Worker::new("w", "mock"))
        .start_unready()
        .await;
    assert_named(&app, "schema_missing", "qtask migrate").await;
    let read = app.get(&format!("/tasks/{}", uuid::Uuid::nil())).await;
    assert_eq!(read.expect_problem(503), "schema_missing");
    let refused = app.workers[0].wait_for("worker.registration_failed").await;
    let reason = refused.field("reason").expect("a reason");
    assert!(reason.contains("qtask migrate"), "{reason}");
    migrate(&app.database, &["up"]).await;
    assert_works(&app).await;
    app.workers[0].wait_for("worker.ready").await;
    app.abandon_work();
}

#[tokio::test]
async fn a_schema_that_is_behind_waits_for_qtask_migrate() {
    let app = App::builder(QueueKind::Postgres).start().await;
    revert_since(&app.database, "2026-11-30-000000_standard_names").await;
    assert_named(&app, "schema_outdated", "qtask migrate").await;
    migrate(&app.database, &["up"]).await;
    assert_works(&app).await;
}

#[tokio::test]
async fn a_schema_that_is_ahead_takes_nothing_from_running_workers_and_no_new_tasks() {
    let worker = Worker::new("w", "mock");
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let running = app
        .submit(&json!({"circuit": "// mock: sleep 8s", "backend": "mock"}))
        .await;
    app.wait_status(running, "processing").await;
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    app.database.execute(newer, &[]).await;
    assert_named(&app, "schema_too_new", "run the newer qtask").await;
    assert_eq!(app.wait_status(running, "completed").await["attempt"], 1);
    let back = "DELETE FROM __diesel_schema_migrations WHERE version = '99990101000000'";
    app.database.execute(back, &[]).await;
    assert_works(&app).await;
    // The last task shows only that it is accepted.
    app.abandon_work();
}

/// A service that works and shows how its schema differs.
async fn assert_works_with_skew(app: &App, ahead: &str, behind: &str) {
    let skew = app.apis[0]
        .wait_after(0, "the difference", |event| {
            let has = |field: &str, value: &str| event.field(field).as_deref() == Some(value);
            event.is("database.schema_skew") && has("ahead", ahead) && has("behind", behind)
        })
        .await;
    let health = app.get("/health").await.expect(200);
    assert_eq!(health["status"], "healthy", "{health}");
    assert_eq!(health["database_status"], "connected");
    assert_eq!(
        health["database_detail"].as_str(),
        skew.field("skew").as_deref()
    );
    assert_eq!(app.get("/readyz").await.status, 200);
    let id = app.submit(&task()).await;
    assert_eq!(app.wait_status(id, "completed").await["attempt"], 1);
}

#[tokio::test]
async fn a_schema_that_is_ahead_and_says_that_this_version_may_serve_it_is_served() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    let compatible = "INSERT INTO schema_compatibility VALUES ('99990101000000', '20261130100000')";
    app.database.execute(compatible, &[]).await;
    app.database.execute(newer, &[]).await;
    app.get("/health").await.expect(200);
    assert_works_with_skew(&app, "1", "0").await;
    let logged = app.apis[0]
        .events()
        .all(|event| event.is("database.schema_skew"));
    assert_eq!(logged.len(), 1, "logged once");

    let ended =
        "UPDATE schema_compatibility SET serves_since = version WHERE version = '99990101000000'";
    app.database.execute(ended, &[]).await;
    assert_named(&app, "schema_too_new", "run the newer qtask").await;
    app.finish().await;
}

#[tokio::test]
async fn a_schema_without_an_index_that_only_saves_time_is_served() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let missing = "DELETE FROM __diesel_schema_migrations WHERE version = '20260204000000'";
    app.database.execute(missing, &[]).await;
    app.get("/health").await.expect(200);
    assert_works_with_skew(&app, "0", "1").await;
    migrate(&app.database, &["up"]).await;
    assert_works(&app).await;
    app.abandon_work();
}
