//! Every operation, carried out.

use reqwest::Method;
use serde_json::{Value, json};

use super::operations::Operation;
use super::scene::{BACKEND, Scene, task};
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, id_of};

/// Lets every operation succeed, and returns a completed task as it was handed out.
pub async fn provoke(scene: &Scene, api: &Contract<'_>) -> Value {
    let completed = write(scene, api).await;
    read(api, &completed).await;
    completed
}

async fn write(scene: &Scene, api: &Contract<'_>) -> Value {
    let app = &scene.app;
    let w = HttpWorker::register(app, "w", BACKEND).await;
    api.post("/tasks", &task()).await.expect(201);
    let mut dry = task();
    dry["dry_run"] = json!(true);
    api.post("/tasks", &dry).await.expect(200);
    let circuit = json!({"circuit": "OPENQASM 3; qubit q;"});
    api.post("/circuits/check", &circuit).await.expect(200);
    let batch = json!({"tasks": [task(), task()]});
    api.post("/tasks/batch", &batch).await.expect(201);
    let completed = w.claim_one(app).await;
    let log = json!({"logs": [{"message": "m"}], "progress": {"step": 1}});
    w.write(app, &completed, "logs", &log).await.expect(204);
    w.complete(app, &completed).await.expect(200);
    let failed = w.claim_one(app).await;
    let why = json!({"message": "m"});
    w.write(app, &failed, "fail", &why).await.expect(200);
    let released = w.claim_one(app).await;
    let nothing = json!({});
    let handed_back = w.write(app, &released, "release", &nothing).await;
    handed_back.expect(200);
    let waiting = format!("/tasks/{}", id_of(&released));
    api.delete(&waiting).await.expect(200);
    w.beat(app, &[]).await.expect(200);
    let drained = api.post("/workers/w/drain", &json!({})).await;
    drained.expect(200);
    let resumed = api.post("/workers/w/resume", &Value::Null).await;
    resumed.expect(200);
    let again = format!("/tasks/{}/rerun", id_of(&failed));
    api.post(&again, &Value::Null).await.expect(201);
    let again = json!({"task_ids": [id_of(&completed)]});
    api.post("/tasks/rerun", &again).await.expect(200);
    let pending = json!({"filter": {"status": ["pending"]}});
    api.post("/tasks/cancel", &pending).await.expect(200);
    let paused = api.post("/backends/b/pause", &json!({})).await;
    paused.expect(200);
    let resumed = api.post("/backends/b/resume", &Value::Null).await;
    resumed.expect(200);
    prune(scene, api).await;
    let token = json!({"name": "t", "scopes": ["tasks:read"]});
    let token = api.post("/tokens", &token).await.expect(201);
    let token_id = token["token_id"].as_str().expect("an id");
    api.delete(&format!("/tokens/{token_id}")).await.expect(200);
    completed
}

/// The clock has just begun to be watched; later it has run for hours.
async fn prune(scene: &Scene, api: &Contract<'_>) {
    let old = json!({"older_than_seconds": 7_776_000, "dry_run": true});
    let refused = api.post("/tasks/prune", &old).await;
    assert_eq!(refused.expect_problem(409), "clock_unsteady");
    scene.app.database.clock_was_steady().await;
    api.post("/tasks/prune", &old).await.expect(200);
}

/// Everything that is read, of a task that has ended and its worker.
async fn read(api: &Contract<'_>, task: &Value) {
    let task_id = id_of(task).to_string();
    for operation in Operation::all(api.document()) {
        if operation.method() == Method::GET {
            api.get(&operation.at(&task_id, "w")).await.expect(200);
        }
    }
}
