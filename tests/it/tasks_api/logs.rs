//! Logs: appended by the owner, read by anyone.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{assert_fields, task};
use crate::support::answers::keys;
use crate::support::contract::Contract;
use crate::support::json_schema::assert_time;
use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind};

fn messages(page: &Value) -> Vec<&str> {
    let lines = page["logs"].as_array().expect("logs").iter();
    lines
        .map(|line| line["message"].as_str().expect("a message"))
        .collect()
}

async fn start() -> (App, WorkerRows, String) {
    let app = App::builder(QueueKind::Postgres).start().await;
    let puller = WorkerRows::register(&app.database, "w").await;
    let task_id = puller.submit_and_claim(&app, &task()).await;
    (app, puller, format!("/tasks/{task_id}/logs"))
}

#[tokio::test]
async fn lines_are_read_as_they_were_written_by_level_time_and_page() {
    let (app, puller, path) = start().await;
    let api = Contract::of(&app).await;
    let empty = api.get(&path).await.expect(200);
    assert_eq!(empty, json!({"logs": [], "next_after": null}));
    let lines = json!({"logs": [
        {"level": "debug", "message": "one", "logged_at": "2026-01-01T00:00:00Z"},
        {"message": "two", "context": {"n": 2}, "logged_at": "2026-01-02T01:00:00.5+01:00"},
        {"level": "warning", "message": "three", "logged_at": "2026-01-03T00:00:00Z"},
        {"level": "error", "message": "a\0b"},
    ]});
    let reply = api.post(&path, &puller.body(1, &lines)).await;
    assert_eq!(reply.expect(204), Value::Null);

    let all = api.get(&path).await.expect(200);
    let (first, second) = (&all["logs"][0], &all["logs"][1]);
    let fields = ["attempt", "id", "level", "logged_at", "message"];
    assert_eq!(keys(first), BTreeSet::from(fields));
    assert_eq!(
        (&first["attempt"], &first["level"]),
        (&json!(1), &json!("debug"))
    );
    assert_eq!(
        (&second["level"], &second["context"], &second["logged_at"]),
        (
            &json!("info"),
            &json!({"n": 2}),
            &json!("2026-01-02T00:00:00.500Z")
        )
    );
    assert_time(&all["logs"][3]["logged_at"]);
    for (query, expected, more) in [
        ("", vec!["one", "two", "three", "a\u{fffd}b"], false),
        ("?level=info", vec!["two", "three", "a\u{fffd}b"], false),
        ("?level=warning", vec!["three", "a\u{fffd}b"], false),
        ("?level=error", vec!["a\u{fffd}b"], false),
        (
            "?since=2026-01-02T00:00:00.5Z&limit=2",
            vec!["two", "three"],
            true,
        ),
        ("?limit=4", vec!["one", "two", "three", "a\u{fffd}b"], false),
        ("?limit=1", vec!["one"], true),
        ("?since=2100-01-01T00:00:00Z", vec![], false),
    ] {
        let page = api.get(&format!("{path}{query}")).await.expect(200);
        assert_eq!(messages(&page), expected, "{query}");
        assert_eq!(page["next_after"].is_i64(), more, "{query}");
    }

    let (mut seen, mut after) = (Vec::new(), json!(0));
    while !after.is_null() {
        let page = api.get(&format!("{path}?limit=3&after={after}")).await;
        let page = page.expect(200);
        seen.extend(messages(&page).iter().map(ToString::to_string));
        after = page["next_after"].clone();
    }
    assert_eq!(seen, ["one", "two", "three", "a\u{fffd}b"]);
    app.abandon_work();
}

#[tokio::test]
async fn a_line_that_says_when_it_was_said_is_kept_once_however_often_it_comes() {
    let (app, puller, path) = start().await;
    let api = Contract::of(&app).await;
    let line = json!({"message": "m", "logged_at": "2026-01-01T00:00:00.123456Z"});
    let other = json!({"message": "m", "logged_at": "2026-01-01T00:00:00.123457Z"});
    let body = puller.body(
        1,
        &json!({"logs": [line, other, line], "progress": {"done": 0.5}}),
    );
    for _ in 0..3 {
        api.post(&path, &body).await.expect(204);
    }
    assert_eq!(messages(&api.get(&path).await.expect(200)), ["m", "m"]);
    let timeless = puller.body(1, &json!({"logs": [{"message": "m"}]}));
    for _ in 0..2 {
        api.post(&path, &timeless).await.expect(204);
    }
    assert_eq!(messages(&api.get(&path).await.expect(200)).len(), 4);
    app.abandon_work();
}

#[tokio::test]
async fn progress_may_come_without_a_line_and_the_next_attempt_begins_without_it() {
    let (app, puller, path) = start().await;
    let api = Contract::of(&app).await;
    let base = path.trim_end_matches("/logs");
    let body = puller.body(1, &json!({"progress": {"step": 3}}));
    api.post(&path, &body).await.expect(204);
    let task = api.get(base).await.expect(200);
    assert_eq!(task["progress"], json!({"step": 3}));
    let told = json!({"logs": [{"message": "last words"}]});
    api.post(&path, &puller.body(1, &told)).await.expect(204);
    let done = puller.body(1, &json!({"result": {}}));
    api.post(&format!("{base}/complete"), &done)
        .await
        .expect(200);
    // Too late, but what was said stays.
    let late = api.post(&path, &puller.body(1, &told)).await;
    assert_eq!(late.expect_problem(409), "lease_lost");
    let task = api
        .get(&format!("{base}?include_logs=true"))
        .await
        .expect(200);
    assert_eq!(messages(&task), ["last words"]);
    let without = api
        .get(&format!("{base}?include_logs=false"))
        .await
        .expect(200);
    assert!(!keys(&without).contains("logs"));
    let refused = api
        .get(&format!("{base}?include_logs=perhaps&colour=red"))
        .await;
    assert_fields(refused, &["colour", "include_logs"]);
}

#[tokio::test]
async fn a_page_of_long_lines_ends_early_and_goes_on_where_it_ended() {
    let (app, puller, path) = start().await;
    let api = Contract::of(&app).await;
    let line = json!({"message": "x".repeat(60 << 10)});
    for _ in 0..2 {
        let body = puller.body(1, &json!({"logs": vec![line.clone(); 60]}));
        api.post(&path, &body).await.expect(204);
    }
    let first = api.get(&format!("{path}?limit=1000")).await.expect(200);
    let lines = messages(&first).len();
    assert!((60..120).contains(&lines), "{lines}");
    let after = &first["next_after"];
    let second = api.get(&format!("{path}?limit=1000&after={after}")).await;
    let second = second.expect(200);
    assert_eq!(messages(&second).len(), 120 - lines);
    assert!(second["next_after"].is_null());
    app.abandon_work();
}

#[tokio::test]
async fn a_log_that_is_not_there_or_not_well_asked_for_is_refused() {
    let (app, _, path) = start().await;
    let api = Contract::of(&app).await;
    let unknown = format!("/tasks/{}/logs", Uuid::now_v7());
    assert_eq!(
        api.get(&unknown).await.expect_problem(404),
        "task_not_found"
    );
    let no_id = api.get("/tasks/x/logs").await;
    assert_eq!(no_id.expect_problem(400), "invalid_task_id");
    let query = "?level=loud&since=yesterday&after=-1&limit=1001&colour=red";
    let refused = api.get(&format!("{path}{query}")).await;
    assert_fields(refused, &["after", "colour", "level", "limit", "since"]);
    app.abandon_work();
}
