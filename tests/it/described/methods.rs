//! Methods that a path does not have.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use super::operations::Operation;
use crate::support::answers::header;
use crate::support::client::{Reply, send};
use crate::support::contract::Contract;
use crate::support::http_worker::HttpWorker;
use crate::support::mocks::mock;
use crate::support::{App, QueueKind};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

#[tokio::test]
async fn a_path_refuses_every_other_method_and_names_those_that_it_has() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    for operation in Operation::all(api.document()) {
        let described = &api.document()["paths"][operation.path];
        let is_there = |method: &&Method| described[method.as_str().to_lowercase()].is_object();
        let (there, others): (Vec<_>, Vec<_>) = METHODS.iter().partition(is_there);
        for method in others {
            let path = operation.at(&Uuid::now_v7().to_string(), "w");
            let refused = send(app.request(method.clone(), &path)).await;
            let refused = refused.expect("an answer");
            let allowed: BTreeSet<&str> = header(&refused.headers, "allow").split(", ").collect();
            let mut there: BTreeSet<&str> = there.iter().map(|method| method.as_str()).collect();
            if there.contains("GET") {
                there.insert("HEAD");
            }
            assert_eq!(allowed, there, "{path}");
            assert_eq!(refused.expect_problem(405), "method_not_allowed", "{path}");
        }
    }
}

/// The headers of an answer, but for those that differ from one request to the next.
fn lasting(reply: &Reply) -> Vec<(&str, &str)> {
    let all = reply.headers.keys();
    let lasting = all.filter(|name| !["date", "x-correlation-id"].contains(&name.as_str()));
    let mut lasting: Vec<_> = lasting
        .map(|name| (name.as_str(), header(&reply.headers, name.as_str())))
        .collect();
    lasting.sort_unstable();
    lasting
}

#[tokio::test]
async fn head_is_answered_like_get_without_the_body() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let task_id = app.submit(&mock("")).await;
    HttpWorker::register(&app, "w", "b").await;
    let of_documents = ["/docs/", "/openapi.json", "/nowhere"].map(str::to_owned);
    let described = Operation::all(api.document()).into_iter();
    let of_operations = described
        .filter(|operation| operation.method() == Method::GET)
        // The bodies of two are others a moment later, and that of the third does not end.
        .filter(|operation| !["metrics", "list_backends", "follow_task"].contains(&operation.id()))
        .flat_map(|operation| {
            let nobody = operation.at(&Uuid::now_v7().to_string(), "nobody");
            [operation.at(&task_id.to_string(), "w"), nobody]
        });
    for path in of_operations.chain(of_documents) {
        let get = app.get(&path).await;
        let head = send(app.request(Method::HEAD, &path)).await;
        let head = head.expect("an answer");
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(lasting(&head), lasting(&get), "{path}");
        assert_eq!(head.body, Value::Null, "{path}");
    }
    let waiting = format!("/tasks/{task_id}?wait=60");
    let events = format!("/tasks/{task_id}/events");
    for (path, kind) in [
        (waiting.as_str(), "application/json"),
        (events.as_str(), "text/event-stream"),
        (
            "/metrics",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ] {
        let head = send(app.request(Method::HEAD, path)).await;
        let head = head.expect("an answer at once");
        assert_eq!(
            (head.status.as_u16(), header(&head.headers, "content-type")),
            (200, kind)
        );
        assert_eq!(head.body, Value::Null, "{path}");
    }
    let unknown = format!("/tasks/{}/events", Uuid::now_v7());
    let head = send(app.request(Method::HEAD, &unknown)).await;
    assert_eq!(head.expect("an answer").status, 404);
}
