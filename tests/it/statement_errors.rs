//! Errors of PostgreSQL that are neither the client's fault nor a defect: each is answered by what is certain.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Reply, send};
use crate::support::postgres_node::has_small_disks;
use crate::support::skipped::report_skipped;
use crate::support::wait::DEADLINE;
use crate::support::{App, PrivatePostgres, QueueKind, TestDatabase};

fn task() -> Value {
    json!({"circuit": "x", "backend": "mock"})
}

/// Sends a request whose statement waits for a table, does something to its backend, and returns the answer.
pub async fn interrupted(app: &App, method: Method, path: &str, action: &str) -> Reply {
    let mut holder = app.database.connect().await;
    let lock = holder.transaction().await.expect("a transaction");
    let all = "LOCK TABLE status_history IN ACCESS EXCLUSIVE MODE";
    lock.batch_execute(all).await.expect("the lock");
    let text = if method == Method::GET {
        "SELECT%"
    } else {
        "%INSERT INTO idempotency_keys%"
    };
    let request = app.request(method, path).json(&task());
    let interrupting = async {
        let pid = app.database.wait_for_a_table(text).await;
        let client = app.database.connect().await;
        let interrupt = format!("SELECT {action}({pid})");
        client.batch_execute(&interrupt).await.expect("a signal");
    };
    let (reply, ()) = tokio::join!(send(request), interrupting);
    lock.rollback().await.expect("the end of the lock");
    reply.expect("an answer")
}

async fn start() -> App {
    App::builder(QueueKind::Postgres).start().await
}

async fn assert_nothing_stored(app: &App) {
    let all = "SELECT count(*) FROM tasks";
    assert_eq!(app.database.count(all, &[]).await, 0);
}

#[tokio::test]
async fn a_statement_that_an_administrator_cancels_can_be_tried_again() {
    let app = start().await;
    let read = format!("/tasks/{}", uuid::Uuid::nil());
    for (method, path) in [(Method::POST, "/tasks"), (Method::GET, &read)] {
        let reply = interrupted(&app, method, path, "pg_cancel_backend").await;
        assert_eq!(reply.headers["retry-after"], "2");
        assert_eq!(reply.expect_problem(503), "statement_cancelled", "{path}");
    }
    assert_nothing_stored(&app).await;
    app.post("/tasks", &task()).await.expect(201);
}

#[tokio::test]
async fn a_backend_that_an_administrator_ends_leaves_the_outcome_of_a_write_open() {
    let app = start().await;
    let ended = interrupted(&app, Method::POST, "/tasks", "pg_terminate_backend").await;
    assert_eq!(ended.expect_problem(503), "outcome_unknown");
    let read = format!("/tasks/{}", uuid::Uuid::nil());
    let ended = interrupted(&app, Method::GET, &read, "pg_terminate_backend").await;
    assert_eq!(ended.expect_problem(503), "database_unavailable");
    app.post("/tasks", &task()).await.expect(201);
}

#[tokio::test]
async fn a_lock_timeout_of_the_role_is_a_collision() {
    let database = TestDatabase::create().await;
    let limit = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 100', current_database()); END $$";
    database.execute(limit, &[]).await;
    let app = App::builder(QueueKind::Postgres)
        .database(database)
        .start()
        .await;
    let mut holder = app.database.connect().await;
    let lock = holder.transaction().await.expect("a transaction");
    let all = "LOCK TABLE status_history IN ACCESS EXCLUSIVE MODE";
    lock.batch_execute(all).await.expect("the lock");
    let refused = app.post("/tasks", &task()).await;
    assert_eq!(refused.expect_problem(503), "serialization_conflict");
    let refused = app.get(&format!("/tasks/{}", uuid::Uuid::nil())).await;
    assert_eq!(refused.expect_problem(503), "serialization_conflict");
    lock.rollback().await.expect("the end of the lock");
    assert_nothing_stored(&app).await;
    app.post("/tasks", &task()).await.expect(201);
}

/// Lets insertions fail with a message and an SQLSTATE of PostgreSQL's, as an ERROR.
pub async fn fail_with(app: &App, message: &str, sqlstate: &str) {
    let fail = format!(
        "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{sqlstate}'; END $$;
         CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION fail();"
    );
    let client = app.database.connect().await;
    client.batch_execute(&fail).await.expect("a trigger");
}

#[tokio::test]
async fn only_an_error_that_comes_before_any_commit_says_that_nothing_was_changed() {
    let app = start().await;
    for (message, sqlstate, status, code) in [
        (
            r#"could not extend file "base/1/2": No space left on device"#,
            "53100",
            507,
            "storage_full",
        ),
        (
            r#"could not write to file "pg_wal/xlogtemp.7": No space left on device"#,
            "53100",
            503,
            "outcome_unknown",
        ),
        (
            r#"could not fsync file "base/1/2": Input/output error"#,
            "58030",
            503,
            "outcome_unknown",
        ),
        (
            "too many notifications in the NOTIFY queue",
            "54000",
            503,
            "database_unavailable",
        ),
    ] {
        fail_with(&app, message, sqlstate).await;
        let reply = app.post("/tasks", &task()).await;
        assert_eq!(reply.expect_problem(status), code, "{message}");
    }
    assert_nothing_stored(&app).await;
}

/// PostgreSQL panics when its log of commits cannot grow, perhaps after a commit that is in it already. A small disk
/// of its own takes root; elsewhere the test above has to do.
#[tokio::test]
async fn a_panic_for_a_full_log_of_commits_leaves_the_outcome_open() {
    if !has_small_disks() {
        let reason = "a small disk for pg_wal takes root, unshare and setpriv";
        report_skipped(
            "a_panic_for_a_full_log_of_commits_leaves_the_outcome_open",
            reason,
        );
        return;
    }
    let node = PrivatePostgres::start_with_wal_on_small_disk().await;
    let database = TestDatabase::create_on(&node.url()).await;
    let app = App::builder(QueueKind::Postgres)
        .database(database)
        .start()
        .await;
    node.fill_wal_disk();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let refused = loop {
        // What does not compress: each submission takes a good part of a segment.
        let words = (0..20_000).map(|_| format!("{:016x}", rand::random::<u64>()));
        let circuit = words.collect::<Vec<_>>().concat();
        let reply = app
            .post("/tasks", &json!({"circuit": circuit, "backend": "mock"}))
            .await;
        if reply.status != 201 {
            break reply;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the disk of pg_wal is never full"
        );
    };
    let code = refused.expect_problem(503);
    // The second where the sweep's statement met the full disk first.
    assert!(
        ["outcome_unknown", "database_unavailable"].contains(&code.as_str()),
        "{code}"
    );
    let log = node.log();
    let panic = log
        .lines()
        .find(|line| line.contains("PANIC:") && line.contains("pg_wal"));
    assert!(
        panic.is_some_and(|line| line.contains("No space left on device")),
        "{log}"
    );
}
