//! Limits of requests: those in progress, those that wait, and submissions per minute.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::crowd::{api, assert_served, crowd};
use crate::support::mocks::mock;
use crate::support::raw_http;
use crate::support::wait::{DEADLINE, eventually};

#[tokio::test]
async fn a_thousand_waiting_clients_do_not_block_submissions() {
    const WAITING: usize = 1_000;
    let app = api(&[
        ("QTASK_MAX_REQUESTS", "20"),
        ("QTASK_MAX_WAITING_REQUESTS", "1000"),
        ("LOG_LEVEL", "info"),
    ])
    .await;
    let id = app.submit(&mock("")).await;
    let request = format!("GET /tasks/{id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut waiting = crowd(&app, WAITING, &request).await;
    for stream in &mut waiting {
        let head = raw_http::head(stream).await.expect("the head of an answer");
        assert!(head.starts_with("http/1.1 200"), "{head}");
    }
    for from in 100..105 {
        assert_served(&app, from).await;
    }
    let refused = app.get(&format!("/tasks/{id}?wait=5")).await;
    assert_eq!(refused.headers["retry-after"], "2");
    assert_eq!(refused.expect_problem(503), "too_many_requests");
    app.get(&format!("/tasks/{id}")).await.expect(200);
    app.cancel(id).await.expect(200);
    // The end of the task ends all streams, and their slots are free.
    let read = async || {
        let reply = app.get(&format!("/tasks/{id}?wait=5")).await;
        (reply.status == 200).then_some(())
    };
    eventually(DEADLINE, "a free slot", read).await;
    app.finish().await;
}

#[tokio::test]
async fn requests_beyond_the_limit_get_503_and_probes_and_heartbeats_are_answered() {
    let app = api(&[("QTASK_MAX_REQUESTS", "1"), ("DATABASE_TIMEOUT", "20s")]).await;
    let lock = app.database.connect().await;
    lock.batch_execute("BEGIN; LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    let first = app.request(Method::POST, "/tasks").json(&mock(""));
    let first = tokio::spawn(send(first));
    // It has the only slot once its statement waits for the lock.
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'WITH input AS%'";
    eventually(DEADLINE, "a request in progress", async || {
        (app.database.count(waits, &[]).await == 1).then_some(())
    })
    .await;
    let refused = app.get("/workers").await;
    assert_eq!(refused.headers["retry-after"], "2");
    assert_eq!(refused.expect_problem(503), "too_many_requests");
    let posted = app.post("/tasks", &mock("")).await;
    assert_eq!(posted.expect_problem(503), "too_many_requests");
    assert_eq!(app.get("/livez").await.status, 200);
    let heartbeat = json!({"worker_id": "w", "session_id": uuid::Uuid::now_v7()});
    let reply = app.post("/workers/heartbeat", &heartbeat).await;
    // Its statement waits for the lock, too.
    assert_ne!(reply.body["code"], "too_many_requests", "{}", reply.body);
    lock.batch_execute("COMMIT")
        .await
        .expect("an unlocked table");
    let created = first
        .await
        .expect("no panic")
        .expect("an answer")
        .expect(201);
    let id = created["task_id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("a UUID");
    app.cancel(id).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn each_client_submits_so_many_tasks_per_minute() {
    let app = api(&[("QTASK_SUBMISSIONS_PER_MINUTE", "3")]).await;
    let batch = json!({"tasks": [mock(""), mock("")]});
    let mut ids = Vec::new();
    let submit = async |path: &str, body: &Value, client: &str| {
        // The address of this test is that of a trusted proxy.
        let request = app.request(Method::POST, path).json(body);
        send(request.header("x-forwarded-for", client))
            .await
            .expect("an answer")
    };
    let created = submit("/tasks/batch", &batch, "198.51.100.1")
        .await
        .expect(201);
    let tasks = created["tasks"].as_array().expect("tasks").iter();
    ids.extend(tasks.map(|task| task["task_id"].clone()));
    let dry = json!({"circuit": "x", "backend": "mock", "dry_run": true});
    submit("/tasks", &dry, "198.51.100.1").await.expect(200);
    ids.push(
        submit("/tasks", &mock(""), "198.51.100.1")
            .await
            .expect(201)["task_id"]
            .clone(),
    );
    let refused = submit("/tasks", &mock(""), "203.0.113.7, 198.51.100.1").await;
    let seconds = refused.headers["retry-after"].to_str().expect("a text");
    assert!(
        (1..=20).contains(&seconds.parse::<u64>().expect("a number")),
        "{seconds}"
    );
    assert!(
        refused.body["detail"]
            .to_string()
            .contains("QTASK_SUBMISSIONS_PER_MINUTE")
    );
    assert_eq!(refused.expect_problem(429), "rate_limited");
    ids.push(
        submit("/tasks", &mock(""), "198.51.100.2")
            .await
            .expect(201)["task_id"]
            .clone(),
    );
    for id in ids {
        let id = id.as_str().expect("an id").parse().expect("a UUID");
        app.cancel(id).await.expect(200);
    }
    app.finish().await;
}

/// A submission with so many levels of arrays within its metadata, which is the second level of the body.
fn nested(levels: usize) -> String {
    let (open, close) = ("[".repeat(levels), "]".repeat(levels));
    format!("{{\"circuit\": \"x\", \"backend\": \"mock\", \"metadata\": {{\"a\": {open}{close}}}}}")
}

#[tokio::test]
async fn bodies_are_nested_120_levels_deep_and_no_deeper() {
    let app = api(&[]).await;
    let submit = async |body: String| {
        let request = app.request(Method::POST, "/tasks").body(body);
        let request = request.header("content-type", "application/json");
        send(request).await.expect("an answer")
    };
    let endless = format!("{{\"metadata\": {{\"a\": {}", "[".repeat(1_000_000));
    for body in [nested(119), nested(1_000), endless] {
        let refused = submit(body).await;
        let detail = refused.body["detail"].to_string();
        assert!(detail.contains("deeper than 120 levels"), "{detail}");
        assert_eq!(refused.expect_problem(400), "json_too_deep");
    }
    let accepted = submit(nested(118)).await.expect(201);
    let id = accepted["task_id"].as_str().expect("an id");
    // The deepest answers can be read by readers that stop at 128 levels.
    let task = app.get(&format!("/tasks/{id}")).await.expect(200);
    assert!(task["metadata"]["a"].is_array(), "{task}");
    let page = app.get("/tasks").await.expect(200);
    assert!(page["tasks"][0]["metadata"]["a"].is_array(), "{page}");
    app.cancel(id.parse().expect("a UUID")).await.expect(200);
    app.finish().await;
}
