//! Requests that come too late, or from somebody else.

use serde_json::{Value, json};
use uuid::Uuid;

use super::operations::{Operation, codes};
use super::scene::{BACKEND, Scene, body, task};
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, id_of};

/// Lets every conflict happen, about a task that is completed.
pub async fn provoke(scene: &Scene, api: &Contract<'_>, completed: &Value) {
    of_keys(api).await;
    of_tasks(api, completed).await;
    of_sessions(scene, api).await;
    of_pauses(scene, api).await;
    of_tokens(scene, api).await;
}

/// So many backends may be paused, and no more.
async fn of_pauses(scene: &Scene, api: &Contract<'_>) {
    let database = &scene.app.database;
    let fill = "INSERT INTO paused_backends (backend) SELECT 'filler' || n FROM generate_series(1, 1000) AS n";
    database.execute(fill, &[]).await;
    let refused = api.post("/backends/b/pause", &json!({})).await;
    assert_eq!(refused.expect_problem(409), "too_many_paused_backends");
    let again = api.post("/backends/filler1/pause", &json!({})).await;
    again.expect(200);
    database.execute("DELETE FROM paused_backends", &[]).await;
}

async fn of_tokens(scene: &Scene, api: &Contract<'_>) {
    let token = json!({"name": "again", "scopes": ["tasks:read"]});
    for _ in 0..2 {
        api.post("/tokens", &token).await.expect(201);
    }
    let refused = api.post("/tokens", &token).await;
    assert_eq!(refused.expect_problem(409), "token_name_in_use");
    let database = &scene.app.database;
    let fill = "INSERT INTO tokens (token_id, name, slot, digest, scopes)
                SELECT lpad(to_hex(n), 12, '0'), 'filler' || n, 1, sha256('x'), '{workers}' FROM generate_series(1, 10000) AS n";
    database.execute(fill, &[]).await;
    let refused = api
        .post(
            "/tokens",
            &json!({"name": "one-more", "scopes": ["workers"]}),
        )
        .await;
    assert_eq!(refused.expect_problem(409), "too_many_tokens");
    let empty = "DELETE FROM tokens WHERE name LIKE 'filler%'";
    database.execute(empty, &[]).await;
}

async fn of_keys(api: &Contract<'_>) {
    let mut other = task();
    other["circuit"] = json!("y");
    let batch = |task: &Value| json!({"tasks": [task]});
    for (path, first, second) in [
        ("/tasks", task(), other.clone()),
        ("/tasks/batch", batch(&task()), batch(&other)),
    ] {
        api.post_keyed(path, path, &first).await.expect(201);
        let refused = api.post_keyed(path, path, &second).await;
        assert_eq!(refused.expect_problem(409), "idempotency_key_reused");
        let refused = api.post_keyed(path, &"k".repeat(256), &first).await;
        assert_eq!(refused.expect_problem(400), "invalid_idempotency_key");
    }
}

async fn of_tasks(api: &Contract<'_>, completed: &Value) {
    let task_id = id_of(completed).to_string();
    let stranger = json!({"worker_id": "w", "session_id": id_of(completed), "attempt": 1});
    for operation in Operation::all(api.document()) {
        let path = operation.at(&task_id, "w");
        if codes(operation.answer("409")) == ["lease_lost"] {
            let refused = api.post(&path, &body(&operation, &stranger)).await;
            assert_eq!(refused.expect_problem(409), "lease_lost", "{path}");
        }
    }
    let refused = api.delete(&format!("/tasks/{task_id}")).await;
    assert_eq!(refused.expect_problem(409), "task_already_terminal");
    of_reruns(api, &task_id).await;
}

/// Only tasks that exist and have ended are rerun, and a key is that of one request.
async fn of_reruns(api: &Contract<'_>, ended: &str) {
    let waiting = api.post("/tasks", &task()).await.expect(201);
    let waiting = id_of(&waiting).to_string();
    let path = |id: &str| format!("/tasks/{id}/rerun");
    let ids = |id: &str| json!({"task_ids": [id]});
    let unknown = ids(&Uuid::now_v7().to_string());
    let refused = api.post("/tasks/rerun", &unknown).await;
    assert_eq!(refused.expect_problem(404), "task_not_found");
    for (path, body, other) in [
        (path(&waiting), Value::Null, Value::Null),
        ("/tasks/rerun".to_owned(), ids(&waiting), ids(ended)),
    ] {
        let refused = api.post(&path, &body).await;
        assert_eq!(refused.expect_problem(409), "task_not_terminal");
        api.post_keyed("/tasks", &path, &task()).await.expect(201);
        let refused = api.post_keyed(&path, &path, &other).await;
        assert_eq!(refused.expect_problem(409), "idempotency_key_reused");
        let refused = api.post_keyed(&path, &"k".repeat(256), &other).await;
        assert_eq!(refused.expect_problem(400), "invalid_idempotency_key");
    }
}

async fn of_sessions(scene: &Scene, api: &Contract<'_>) {
    let app = &scene.app;
    let old = HttpWorker::register(app, "many", BACKEND).await;
    let again = json!({"worker_id": "many", "backends": [BACKEND]});
    let refused = api.post("/workers/register", &again).await;
    assert_eq!(refused.expect_problem(409), "worker_name_in_use");
    HttpWorker::register_with(app, "many", BACKEND, &json!({"replace": true})).await;

    let silent = HttpWorker::register(app, "silent", BACKEND).await;
    let end = "UPDATE workers SET ended_at = clock_timestamp() WHERE worker_id = 'silent'";
    assert_eq!(app.database.execute(end, &[]).await, 1);
    for (puller, code) in [(old, "session_replaced"), (silent, "session_ended")] {
        let beaten = puller.beat(app, &[]).await;
        assert_eq!(beaten.expect_problem(409), code);
        let asked = puller.ask(app, &json!({})).await;
        assert_eq!(asked.expect_problem(409), code);
    }
}
