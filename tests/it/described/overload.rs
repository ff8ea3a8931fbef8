//! More checks of circuits than a service takes at once, and more tasks than it takes per minute.

use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::scene::{BACKEND, MAX_WAITING, SUBMISSIONS_PER_MINUTE, Scene, task};
use crate::support::answers::id_of;
use crate::support::client::Reply;
use crate::support::contract::Contract;
use crate::support::wait::{DEADLINE, eventually};

/// More than run and wait together.
const BURST: usize = 48;
/// Nothing is known of it but that it goes on.
const ENDLESS: &str = "OPENQASM 3; qubit q; int i = 0; while (true) { i = 1 - i; }";

/// Waiting tasks of a backend; binds: their number, the backend.
const FILL: &str = "
INSERT INTO tasks (task_id, backend, circuit, shots, timeout_seconds, max_attempts, correlation_id, available_at, dispatched_at)
SELECT gen_random_uuid(), $2, 'x', 1, 300, 3, 'fill', now(), now() FROM generate_series(1, $1::int)";

/// Lets checks and submissions be refused for want of room.
pub async fn provoke(scene: &Scene, api: &Contract<'_>) {
    too_many_checks(api).await;
    let ended = api.post("/tasks", &task()).await.expect(201);
    let ended = id_of(&ended);
    api.delete(&format!("/tasks/{ended}")).await.expect(200);
    full_backlog(scene, api, ended).await;
    too_many_tasks(scene, api, ended).await;
}

/// As many tasks wait as may; the service sees them with its next count.
async fn full_backlog(scene: &Scene, api: &Contract<'_>, ended: Uuid) {
    let database = &scene.app.database;
    database.execute(FILL, &[&MAX_WAITING, &BACKEND]).await;
    let refused = eventually(DEADLINE, "a full backlog", async || {
        let reply = api.post("/tasks", &task()).await;
        (reply.status == 429).then_some(reply)
    });
    assert_eq!(refused.await.expect_problem(429), "backlog_full");
    let batch = json!({"tasks": [task()]});
    let refused = api.post("/tasks/batch", &batch).await;
    assert_eq!(refused.expect_problem(429), "backlog_full");
    let refused = api
        .post(&format!("/tasks/{ended}/rerun"), &json!(null))
        .await;
    assert_eq!(refused.expect_problem(429), "backlog_full");
    let refused = api
        .post("/tasks/rerun", &json!({"task_ids": [ended]}))
        .await;
    assert_eq!(refused.expect_problem(429), "backlog_full");
}

/// Empties the caller's bucket, after the tasks that fill the backlog were deleted.
async fn too_many_tasks(scene: &Scene, api: &Contract<'_>, ended: Uuid) {
    let emptied = "DELETE FROM tasks WHERE correlation_id = 'fill'";
    scene.app.database.execute(emptied, &[]).await;
    eventually(DEADLINE, "capacity for another task", async || {
        let reply = api.post("/tasks", &task()).await;
        (reply.status == 201).then_some(())
    })
    .await;
    // The bucket is emptied faster than it is refilled.
    for size in [SUBMISSIONS_PER_MINUTE, 50, 5] {
        let batch = json!({"tasks": vec![task(); size]});
        let refused = refusal(async || api.post("/tasks/batch", &batch).await).await;
        assert_eq!(refused.expect_problem(429), "rate_limited");
    }
    let again = format!("/tasks/{ended}/rerun");
    let refused = refusal(async || api.post(&again, &json!(null)).await).await;
    assert_eq!(refused.expect_problem(429), "rate_limited");
    let again = json!({"task_ids": [ended]});
    let refused = refusal(async || api.post("/tasks/rerun", &again).await).await;
    assert_eq!(refused.expect_problem(429), "rate_limited");
    let refused = refusal(async || api.post("/tasks", &task()).await).await;
    let seconds = refused.headers["retry-after"].to_str().expect("a text");
    let seconds: u64 = seconds.parse().expect("a number");
    assert!((1..60).contains(&seconds), "{seconds}");
    assert_eq!(refused.expect_problem(429), "rate_limited");
}

/// Submits until there is a refusal.
async fn refusal(submit: impl AsyncFn() -> Reply) -> Reply {
    loop {
        let reply = submit().await;
        if !reply.status.is_success() {
            return reply;
        }
    }
}

async fn too_many_checks(api: &Contract<'_>) {
    let body = json!({"circuit": ENDLESS});
    let checks = (0..BURST).map(|_| api.post("/circuits/check", &body));
    let mut refused = join_all(checks).await;
    refused.retain(|reply| reply.status != 200);
    assert!(!refused.is_empty());
    for reply in refused {
        assert_eq!(reply.headers["retry-after"], "2");
        assert_eq!(reply.expect_problem(503), "overloaded");
    }
    let small = json!({"circuit": "OPENQASM 3; qubit q;"});
    eventually(DEADLINE, "room for another check", async || {
        let reply = api.post("/circuits/check", &small).await;
        (reply.status == 200).then_some(())
    })
    .await;
}
