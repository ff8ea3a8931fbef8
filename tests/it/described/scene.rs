//! A service that can lose its database, and a body for each operation that takes one.

use serde_json::{Value, json};

use super::operations::Operation;
use crate::support::{App, Proxy, QueueKind, TestDatabase};

/// The backend of all tasks here.
pub const BACKEND: &str = "b";

/// The most tasks of a backend that may wait: more than all tests here submit.
pub const MAX_WAITING: i32 = 10_000;
/// More tasks than the provocations submit, until they submit too many.
pub const SUBMISSIONS_PER_MINUTE: usize = 600;
/// The administrator's token of the service that demands tokens.
pub const ADMIN_TOKEN: &str = "administrators-token-of-the-description";

/// A service whose way to PostgreSQL leads through a proxy.
pub struct Scene {
    /// The service.
    pub app: App,
    /// A service that demands tokens.
    pub guarded: App,
    /// The way to its database.
    pub postgres: Proxy,
}

impl Scene {
    /// Starts it, with sessions that outlast the test.
    pub async fn start() -> Self {
        let database = TestDatabase::create().await;
        let postgres = Proxy::start(database.url().port().unwrap_or(5432)).await;
        let url = database.url_through(postgres.port());
        let app = App::builder(QueueKind::Postgres)
            .database(database)
            .database_url(&url)
            .env("DATABASE_TIMEOUT", "2s")
            .env("QTASK_LEASE_DURATION", "1h")
            .env("QTASK_MAX_WAITING", &MAX_WAITING.to_string())
            .env(
                "QTASK_SUBMISSIONS_PER_MINUTE",
                &SUBMISSIONS_PER_MINUTE.to_string(),
            )
            .start()
            .await;
        let guarded = App::builder(QueueKind::Postgres)
            .env("QTASK_ADMIN_TOKEN", ADMIN_TOKEN)
            .start()
            .await;
        Self {
            app,
            guarded,
            postgres,
        }
    }
}

/// A task for the backend here.
pub fn task() -> Value {
    json!({"circuit": "x", "backend": BACKEND})
}

/// A body that the operation can use, from this owner of a task.
pub fn body(operation: &Operation, owner: &Value) -> Value {
    let (worker, session) = (&owner["worker_id"], &owner["session_id"]);
    let with = |field: &str, value: Value| {
        let mut body = owner.clone();
        body[field] = value;
        body
    };
    match operation.id() {
        "submit_task" => task(),
        "check_circuit" => json!({"circuit": "OPENQASM 3; qubit q;"}),
        "submit_batch" => json!({"tasks": [task()]}),
        "append_logs" => with("logs", json!([{"message": "m"}])),
        "complete_task" => with("result", json!({})),
        "fail_task" => with("message", json!("m")),
        "release_task" => owner.clone(),
        "register_worker" => json!({"worker_id": worker, "backends": [BACKEND], "replace": true}),
        "heartbeat" => json!({"worker_id": worker, "session_id": session}),
        "claim_tasks" => json!({"session_id": session}),
        "prune_tasks" => json!({"older_than_seconds": 7_776_000}),
        "drain_worker" => json!({"draining": true}),
        "cancel_tasks" => json!({"filter": {"status": ["pending"]}}),
        "rerun_tasks" => json!({"filter": {"status": ["cancelled"]}}),
        "pause_backend" => json!({"reason": "m"}),
        "create_token" => json!({"name": "t", "scopes": ["tasks:read"]}),
        other => panic!("nothing here says what {other} takes"),
    }
}

/// What an operation takes that has headers or a query: a submission, alone or in a batch, or a rerun.
pub fn task_of(operation: &Operation) -> Value {
    match operation.id() {
        "submit_batch" => json!({"tasks": [task()]}),
        "rerun_tasks" => body(operation, &Value::Null),
        _ => task(),
    }
}
