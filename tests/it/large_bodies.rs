//! Large bodies: what they take in memory and in the database, and not only how long their text is.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::client::{Reply, send};
use crate::support::contract::Contract;
use crate::support::wait::eventually;
use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind, TestDatabase};

const BELL: &str = "OPENQASM 3; qubit[2] q; h q[0]; cx q[0], q[1]; measure q;";
/// How long it may take until all of several large bodies are answered.
const SOON: Duration = Duration::from_secs(20);
/// How long it may take until freed memory is back with the system.
const LIMIT: Duration = Duration::from_mins(1);

async fn api() -> App {
    App::builder(QueueKind::Postgres).start().await
}

/// A submission of about so many bytes, whose metadata is full of the same value.
fn full_of(value: &str, bytes: usize) -> String {
    let values = vec![value; bytes / (value.len() + 1)].join(",");
    format!("{{\"circuit\": \"x\", \"metadata\": {{\"a\": [{values}]}}}}")
}

async fn post(app: &App, body: String) -> Reply {
    let request = app
        .request(Method::POST, "/tasks")
        .header("content-type", "application/json");
    send(request.body(body)).await.expect("an answer")
}

#[tokio::test]
async fn bodies_of_tiny_values_that_come_at_once_are_refused_in_little_memory() {
    let app = api().await;
    app.submit(&json!({"circuit": BELL})).await;
    let before = app.apis[0].peak_memory_kib();
    let most = 4_190_000;
    let values = [
        "{\"\":0}",
        "[[]]",
        "[1]",
        "{\"a\":\"b\"}",
        "[{\"a\":[0]}]",
        "\"a\"",
        "{\"a\":{}}",
        "1",
    ];
    let all = join_all(values.map(|value| post(&app, full_of(value, most))));
    for reply in timeout(SOON, all).await.expect("an answer to each") {
        let status = reply.status.as_u16();
        assert!(matches!(status, 413 | 422 | 503), "{}", reply.body);
        assert!(reply.body["detail"].is_string(), "{}", reply.body);
    }
    let reply = post(&app, full_of("{\"\":0}", most)).await;
    let says = "so many small values; at most 64 MiB are allowed";
    let detail = reply.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(says), "{detail}");
    assert_eq!(reply.expect_problem(413), "payload_too_large");
    let grown = app.apis[0].peak_memory_kib() - before;
    assert!(grown < 150 << 10, "grew by {grown} KiB");
    app.submit(&json!({"circuit": BELL})).await;
    app.finish().await;
}

#[tokio::test]
async fn a_result_of_eight_mebibytes_of_numbers_is_kept() {
    let app = api().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "w").await,
    );
    let task = json!({"circuit": BELL});
    let numbers: [Value; 3] = [
        vec![1; (4 << 20) - 1].into(),
        vec![0.123_456; 900_000].into(),
        vec!["00"; 1_000_000].into(),
    ];
    for result in numbers {
        let task_id = puller.submit_and_claim(&app, &task).await;
        let body = puller.body(1, &json!({"result": result}));
        api.post(&format!("/tasks/{task_id}/complete"), &body)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn memory_that_large_results_took_is_returned() {
    let app = api().await;
    let puller = WorkerRows::register(&app.database, "w").await;
    let (process, task) = (&app.apis[0], json!({"circuit": BELL}));
    app.submit(&task).await;
    let before = process.resident_memory_kib();
    let body = puller.body(1, &json!({"result": "x".repeat(8_000_000)}));
    for _ in 0..3 {
        join_all((0..4).map(async |_| {
            let task_id = puller.submit_and_claim(&app, &task).await;
            app.post(&format!("/tasks/{task_id}/complete"), &body)
                .await
                .expect(200);
            app.get(&format!("/tasks/{task_id}")).await.expect(200);
        }))
        .await;
    }
    let grown = process.peak_memory_kib() - before;
    assert!(grown > 32 << 10, "{grown} KiB: too little to say anything");
    eventually(LIMIT, "most of the memory returned", || async {
        let left = process.resident_memory_kib().saturating_sub(before);
        (left < grown / 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn numbers_count_with_all_their_digits() {
    let app = api().await;
    let task = |field: &str, count: usize| {
        let numbers = vec![1e307; count];
        json!({"problem_id": "p", field: {"a": numbers}})
    };
    for (field, fits) in [("metadata", 50), ("agent_config", 800)] {
        app.submit(&task(field, fits)).await;
        let reply = app.post("/tasks", &task(field, fits + 100)).await;
        let message = reply.body["errors"][field].as_str().unwrap_or_default();
        assert!(message.contains("numbers written out"), "{message}");
        assert_eq!(reply.expect_problem(422), "validation_failed");
    }
    app.finish().await;
}

#[tokio::test]
async fn postgresql_prints_values_in_the_size_that_is_counted() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let numbers = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        1e15,
        1e16,
        1.25e20,
        -1e307,
        f64::MAX,
        1e-5,
        1.5e-7,
        5e-324,
        f64::MIN_POSITIVE,
        std::f64::consts::PI,
    ];
    let mut values: Vec<Value> = numbers.map(Value::from).into();
    values.extend([json!(u64::MAX), json!(i64::MIN), json!(true), json!(null)]);
    values.push(json!("\u{1}\u{8}\u{c}\n\r\t\"\\/\u{7f}é𝕢\u{2028}"));
    for value in values {
        let query = "SELECT octet_length($1::jsonb::text)";
        let row = client.query_one(query, &[&value]).await.expect("a size");
        let printed = usize::try_from(row.get::<_, i32>(0)).expect("a length");
        assert_eq!(
            qtask::domain::stored_size::stored_size(&value),
            printed,
            "{value}"
        );
    }
}
