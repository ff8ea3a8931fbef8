//! Bodies that no write of an owner accepts.

use reqwest::Method;
use serde_json::{Value, json};

use super::settle::ends;
use super::{assert_fields, task};
use crate::support::contract::Contract;
use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind};

/// An owner's body for each write, changed in one place.
async fn refuse_all(
    api: &Contract<'_>,
    base: &str,
    puller: &WorkerRows,
    change: (&str, Value),
    fields: &[&str],
) {
    for (end, needed) in ends() {
        let mut body = puller.body(1, &needed);
        body[change.0] = change.1.clone();
        assert_fields(api.post(&format!("{base}/{end}"), &body).await, fields);
    }
}

#[tokio::test]
async fn what_an_owner_must_say_is_asked_for_by_name() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let base = format!("/tasks/{task_id}");
    for (change, field) in [
        (("worker_id", json!("no spaces")), "worker_id"),
        (("worker_id", json!("\0")), "worker_id"),
        (("worker_id", json!(null)), "worker_id"),
        (("session_id", json!("x")), "session_id"),
        (("attempt", json!(0)), "attempt"),
        (("attempt", json!(1_u64 << 40)), "attempt"),
        (("attempt", json!("1")), "attempt"),
        (("colour", json!("red")), "colour"),
    ] {
        refuse_all(&api, &base, &puller, change, &[field]).await;
    }
    for (end, needed) in ends() {
        for field in ["worker_id", "session_id", "attempt"] {
            let mut body = puller.body(1, &needed);
            body.as_object_mut().expect("a body").remove(field);
            assert_fields(api.post(&format!("{base}/{end}"), &body).await, &[field]);
        }
    }
    assert_eq!(app.database.statuses(task_id).await.len(), 2);
    app.abandon_work();
}

#[tokio::test]
async fn what_is_said_must_be_usable() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let long = "x".repeat((64 << 10) + 1);
    let line = |line: Value| json!({"logs": [{"message": "fine"}, line]});
    for (end, fields, named) in [
        ("complete", json!({}), vec!["result"]),
        ("complete", json!({"result": null}), vec!["result"]),
        (
            "complete",
            json!({"result": {"deep": ["\0"]}}),
            vec!["result"],
        ),
        ("complete", json!({"result": {"\0": 1}}), vec!["result"]),
        (
            "complete",
            json!({"result": 1, "execution": []}),
            vec!["execution"],
        ),
        (
            "complete",
            json!({"result": 1, "execution": {"a": "\0"}}),
            vec!["execution"],
        ),
        (
            "complete",
            json!({"result": 1, "execution": {"a": long}}),
            vec!["execution"],
        ),
        ("fail", json!({}), vec!["message"]),
        ("fail", json!({"message": ""}), vec!["message"]),
        (
            "fail",
            json!({"message": long, "code": "Not snake"}),
            vec!["code", "message"],
        ),
        (
            "fail",
            json!({"message": "m", "code": "x".repeat(65)}),
            vec!["code"],
        ),
        (
            "fail",
            json!({"message": "m", "retry": "yes"}),
            vec!["retry"],
        ),
        ("release", json!({"message": "m"}), vec!["message"]),
        ("logs", json!({}), vec!["logs"]),
        ("logs", json!({"logs": []}), vec!["logs"]),
        (
            "logs",
            json!({"logs": vec![json!({"message": "m"}); 1_001]}),
            vec!["logs"],
        ),
        ("logs", json!({"logs": [["info", "m"]]}), vec!["logs[0]"]),
        ("logs", json!({"progress": 0.5}), vec!["progress"]),
        ("logs", json!({"progress": {"a": long}}), vec!["progress"]),
        ("logs", line(json!({})), vec!["logs[1].message"]),
        (
            "logs",
            line(json!({"message": long})),
            vec!["logs[1].message"],
        ),
        (
            "logs",
            line(json!({"message": "m", "level": "loud"})),
            vec!["logs[1].level"],
        ),
        (
            "logs",
            line(json!({"message": "m", "logged_at": "now"})),
            vec!["logs[1].logged_at"],
        ),
        (
            "logs",
            line(json!({"message": "m", "context": {"a": "\0"}})),
            vec!["logs[1].context"],
        ),
        (
            "logs",
            line(json!({"message": "m", "colour": "red"})),
            vec!["logs[1].colour"],
        ),
    ] {
        let reply = api
            .post(&format!("/tasks/{task_id}/{end}"), &puller.body(1, &fields))
            .await;
        assert_fields(reply, &named);
    }
    assert_eq!(app.database.statuses(task_id).await.len(), 2);
    assert_eq!(
        app.database
            .count("SELECT count(*) FROM task_logs", &[])
            .await,
        0
    );
    app.abandon_work();
}

#[tokio::test]
async fn bodies_that_are_not_json_objects_are_refused() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let paths = ends().map(|(end, _)| format!("/tasks/{task_id}/{end}"));
    for path in paths.iter().map(String::as_str).chain(["/tasks/batch"]) {
        let as_json = |body: &'static str| {
            let (api, path) = (&api, path);
            async move {
                let request = |request: reqwest::RequestBuilder| {
                    request
                        .header("content-type", "application/json")
                        .body(body)
                };
                api.send(Method::POST, path, request).await
            }
        };
        for body in ["", "[]", "{", "{\"\\ud800\": 1}"] {
            let code = as_json(body).await.expect_problem(400);
            assert_eq!(code, "invalid_json", "{path} {body}");
        }
        let plain = |request: reqwest::RequestBuilder| request.body("{}");
        let reply = api.send(Method::POST, path, plain).await;
        assert_eq!(reply.expect_problem(415), "unsupported_media_type");
        let large = |request: reqwest::RequestBuilder| {
            request
                .header("content-type", "application/json")
                .body(" ".repeat((18 << 20) + 1))
        };
        let reply = api.send(Method::POST, path, large).await;
        assert_eq!(reply.expect_problem(413), "payload_too_large");
    }
    for (end, needed) in ends() {
        let path = format!("/tasks/x/{end}");
        let reply = api.post(&path, &puller.body(1, &needed)).await;
        assert_eq!(reply.expect_problem(400), "invalid_task_id", "{end}");
    }
    app.abandon_work();
}
