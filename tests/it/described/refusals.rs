//! Requests that cannot be used, whatever they are about: what the document says of each operation decides which are
//! sent to it.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use uuid::Uuid;

use super::operations::Operation;
use super::scene::{Scene, body};
use crate::support::client::Reply;
use crate::support::contract::Contract;

/// More than any operation reads: a body with a circuit of 8 MiB may have 18 MiB.
const TOO_LARGE: usize = (18 << 20) + 1;

/// Lets every operation refuse what it must.
pub async fn provoke(scene: &Scene, api: &Contract<'_>) {
    full_registry(scene, api).await;
    let nobody = json!({"worker_id": "nobody", "session_id": Uuid::now_v7(), "attempt": 1});
    for operation in Operation::all(api.document()) {
        if operation.has_body() {
            unusable_bodies(api, &operation).await;
        } else if operation.answers("422") {
            unknown_parameter(api, &operation).await;
        }
        unknown_names(api, &operation, &nobody).await;
    }
}

/// The registry has room for so many names, and for no new one.
async fn full_registry(scene: &Scene, api: &Contract<'_>) {
    let database = &scene.app.database;
    let fill = "INSERT INTO workers (worker_id, session_id, backends, lease_ms)
                SELECT 'filler' || n, gen_random_uuid(), '{b}', 3600000 FROM generate_series(1, 10000) AS n";
    database.execute(fill, &[]).await;
    let new = json!({"worker_id": "one-more", "backends": ["b"]});
    let refused = api.post("/workers/register", &new).await;
    assert_eq!(refused.expect_problem(503), "too_many_workers");
    let empty = "DELETE FROM workers WHERE worker_id LIKE 'filler%'";
    database.execute(empty, &[]).await;
}

async fn unusable_bodies(api: &Contract<'_>, operation: &Operation<'_>) {
    let json = "application/json";
    for (kind, text, status, code) in [
        (json, "{".to_owned(), 400, "invalid_json"),
        (json, " ".repeat(TOO_LARGE), 413, "payload_too_large"),
        ("text/plain", "{}".to_owned(), 415, "unsupported_media_type"),
        (json, "{\"colour\": 1}".to_owned(), 422, "validation_failed"),
    ] {
        let path = operation.at(&Uuid::now_v7().to_string(), "w");
        let complete = |it: RequestBuilder| it.header("content-type", kind).body(text);
        let refused = api.send(operation.method(), &path, complete).await;
        assert_eq!(refused.expect_problem(status), code, "{operation:?}");
    }
}

async fn unknown_parameter(api: &Contract<'_>, operation: &Operation<'_>) {
    let path = operation.at(&Uuid::now_v7().to_string(), "w");
    let refused = api.get(&format!("{path}?colour=red")).await;
    let named = refused.expect(422)["errors"].clone();
    assert!(named["colour"].is_string(), "{operation:?}: {named}");
}

async fn unknown_names(api: &Contract<'_>, operation: &Operation<'_>, nobody: &Value) {
    let of_task = operation.path.contains("{task_id}");
    if of_task {
        let refused = send(api, operation, &operation.at("x", ""), nobody).await;
        assert_eq!(refused.expect_problem(400), "invalid_task_id");
    }
    if operation.answers("404") && operation.id() != "rerun_tasks" {
        let of_backend = operation.path.contains("{backend}");
        // Any valid name may be that of a backend.
        let name = if of_backend { "-" } else { "nobody" };
        let path = operation.at(&Uuid::now_v7().to_string(), name);
        let refused = send(api, operation, &path, nobody).await;
        let code = match (of_task, of_backend) {
            (true, _) => "task_not_found",
            (_, true) => "backend_not_found",
            _ if operation.path.contains("{token_id}") => "token_not_found",
            _ => "worker_not_found",
        };
        assert_eq!(refused.expect_problem(404), code, "{operation:?}");
    }
}

/// The operation as somebody would carry it out.
pub async fn send(
    api: &Contract<'_>,
    operation: &Operation<'_>,
    path: &str,
    owner: &Value,
) -> Reply {
    let complete = |request: RequestBuilder| {
        if operation.has_body() {
            request.json(&body(operation, owner))
        } else {
            request
        }
    };
    api.send(operation.method(), path, complete).await
}
