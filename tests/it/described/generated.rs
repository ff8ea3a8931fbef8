//! Requests drawn from the description itself: whatever fits it is accepted as valid.

use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use uuid::Uuid;

use super::operations::Operation;
use super::scene::BACKEND;
use crate::support::client::Reply;
use crate::support::contract::Contract;
use crate::support::http_worker::HttpWorker;
use crate::support::json_generate::Generator;
use crate::support::json_schema::Schemas;
use crate::support::{App, QueueKind};

/// How many bodies are drawn for each operation, and how many values for each parameter.
const BODIES: usize = 60;
const VALUES: usize = 25;
/// The same requests at each run.
const SEED: u64 = 0x5eed;

/// Statuses that say that a request cannot be used.
fn is_refused_as_invalid(reply: &Reply) -> bool {
    let code = reply.body["code"].as_str().unwrap_or_default();
    matches!(reply.status.as_u16(), 400 | 413 | 415 | 422) && code != "invalid_task_id"
}

/// Only the service knows which backends it serves.
fn serve(body: &mut Value) {
    let tasks = body.get_mut("tasks").and_then(Value::as_array_mut);
    if let Some(tasks) = tasks {
        tasks.iter_mut().for_each(serve);
        return;
    }
    if body["backend"].is_string() {
        body["backend"] = BACKEND.into();
    }
    equalize(body);
}

/// A schema cannot say that the lists of a sweep have one length, and that none is of a parameter.
fn equalize(body: &mut Value) {
    let Some(lists) = body.get_mut("sweep").and_then(Value::as_object_mut) else {
        return;
    };
    let lengths = lists
        .values()
        .filter_map(|list| Some(list.as_array()?.len()));
    let shortest = lengths.min().unwrap_or_default();
    for list in lists.values_mut().filter_map(Value::as_array_mut) {
        list.truncate(shortest);
    }
    let names: Vec<String> = lists.keys().cloned().collect();
    if let Some(parameters) = body.get_mut("parameters").and_then(Value::as_object_mut) {
        parameters.retain(|name, _| !names.contains(name));
    }
}

async fn service() -> App {
    let app = App::builder(QueueKind::Postgres).start().await;
    HttpWorker::register(&app, "w", BACKEND).await;
    app
}

fn generator(document: &Value) -> Generator<'_> {
    Generator {
        schemas: Schemas(document),
        random: StdRng::seed_from_u64(SEED),
    }
}

#[tokio::test]
async fn every_body_that_fits_the_description_is_valid() {
    let app = service().await;
    let api = Contract::of(&app).await;
    let mut generator = generator(api.document());
    let mut refused = Vec::new();
    for operation in Operation::all(api.document()) {
        if !operation.has_body() {
            continue;
        }
        let content = &operation.described["requestBody"]["content"]["application/json"];
        for _ in 0..BODIES {
            let mut body = generator.value(&content["schema"], 0);
            if operation.id() == "submit_task" || operation.id() == "submit_batch" {
                serve(&mut body);
            }
            let path = operation.at(&Uuid::now_v7().to_string(), "nobody");
            let complete = |request: RequestBuilder| request.json(&body);
            let reply = api.send(operation.method(), &path, complete).await;
            if is_refused_as_invalid(&reply) {
                refused.push(format!("{} {body}: {}", operation.id(), reply.body));
            }
        }
    }
    assert!(
        refused.is_empty(),
        "{} refused: {:#?}",
        refused.len(),
        refused
    );
}

#[tokio::test]
async fn every_parameter_that_fits_the_description_is_valid() {
    let app = service().await;
    let api = Contract::of(&app).await;
    let mut generator = generator(api.document());
    let mut refused = Vec::new();
    for operation in Operation::all(api.document()) {
        let parameters = operation.described["parameters"].as_array();
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            let place = parameter["in"].as_str().expect("a place");
            // A cursor is of use only as the service has given it out, and waits take their time.
            if place == "path" || ["cursor", "wait"].contains(&name) {
                continue;
            }
            for _ in 0..VALUES {
                let value = generator.value(&parameter["schema"], 0);
                let reply = send(&api, &operation, place, name, &value).await;
                if is_refused_as_invalid(&reply) {
                    let (id, says) = (operation.id(), &reply.body);
                    refused.push(format!("{id} {name}={value}: {says}"));
                }
            }
        }
    }
    assert!(
        refused.is_empty(),
        "{} refused: {:#?}",
        refused.len(),
        refused
    );
}

/// The texts that stand for a value in a query or a header: one for each element of a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

async fn send(
    api: &Contract<'_>,
    operation: &Operation<'_>,
    place: &str,
    name: &str,
    value: &Value,
) -> Reply {
    let mut path = operation.at(&Uuid::now_v7().to_string(), "nobody");
    let texts = texts(value);
    if place == "query" {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(texts.iter().map(|text| (name, text)));
        path = format!("{path}?{}", query.finish());
    }
    let complete = |request: RequestBuilder| {
        let request = match place {
            "query" => request,
            "header" => texts
                .iter()
                .fold(request, |request, text| request.header(name, text)),
            other => panic!("a parameter in {other}"),
        };
        if operation.method() == Method::POST {
            request.json(&super::scene::task_of(operation))
        } else {
            request
        }
    };
    api.send(operation.method(), &path, complete).await
}
