//! Expectations of observables, from the request to the result.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::{App, QueueKind, on_both_queues};

const BELL: &str = "OPENQASM 3; qubit[2] q; h q[0]; cx q[0], q[1]; bit[2] c = measure q;";

on_both_queues!(expectations_are_exact_without_shots_and_have_an_error_with_shots,);

fn value(expectation: &Value) -> f64 {
    expectation["value"].as_f64().expect("a value")
}

async fn expectations_are_exact_without_shots_and_have_an_error_with_shots(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let observables = json!([
        "ZZ",
        {"pauli": "XX", "coeff": 0.5},
        [{"pauli": "ZI", "coeff": 2}, {"pauli": "YY", "coeff": 1.5}],
    ]);
    let submission = |shots: u32| json!({"circuit": BELL, "shots": shots, "seed": 3, "observables": observables});
    let id = app.submit(&submission(0)).await;
    let task = app.wait_status(id, "completed").await;
    assert_eq!((&task["shots"], &task["result"]), (&json!(0), &json!({})));
    let found = task["execution"]["expectations"]
        .as_array()
        .expect("a list");
    for (found, expected) in found.iter().zip([1.0, 0.5, -1.5]) {
        assert!((value(found) - expected).abs() < 1e-12, "{task}");
        assert_eq!(found.get("standard_error"), None);
    }
    assert!((found[2]["variance"].as_f64().expect("a number") - 4.0).abs() < 1e-12);

    let id = app.submit(&submission(10_000)).await;
    let task = app.wait_status(id, "completed").await;
    let found = &task["execution"]["expectations"][2];
    let error = found["standard_error"].as_f64().expect("a number");
    assert!((error - 0.02).abs() < 0.001, "{task}");
    assert!((value(found) + 1.5).abs() < 5.0 * error, "{task}");
    assert_eq!(
        task["result"].as_object().map(serde_json::Map::len),
        Some(2)
    );
    app.finish().await;
}

#[tokio::test]
async fn observables_are_read_back_where_they_are_asked_for_and_copied_by_a_rerun() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let api = Contract::of(&app).await;
    let id = app
        .submit(&json!({"circuit": BELL, "shots": 0, "observables": ["ZZ"]}))
        .await;
    app.wait_status(id, "completed").await;
    let read = async |query: &str| api.get(&format!("/tasks/{id}{query}")).await.expect(200);
    assert_eq!(read("").await.get("observables"), None);
    assert_eq!(
        read("?include=parameters").await["observables"],
        json!([[{"pauli": "ZZ", "coeff": 1}]])
    );
    let rerun = api
        .send(Method::POST, &format!("/tasks/{id}/rerun"), |request| {
            request
        })
        .await
        .expect(201);
    let copy = rerun["task_id"].as_str().expect("an id");
    let copy = app
        .wait_status(copy.parse().expect("an id"), "completed")
        .await;
    assert!((value(&copy["execution"]["expectations"][0]) - 1.0).abs() < 1e-12);
    app.finish().await;
}

#[tokio::test]
async fn observables_that_cannot_be_used_are_named_by_their_place() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let api = Contract::of(&app).await;
    for (observables, field) in [
        (json!(["ZZ", [{"pauli": "ZA"}]]), "observables[1][0].pauli"),
        (
            json!([{"pauli": "ZZ", "coeff": "1"}]),
            "observables[0].coeff",
        ),
        (json!("ZZ"), "observables"),
    ] {
        let body = json!({"circuit": BELL, "observables": observables});
        let refused = api.post("/tasks", &body).await.expect(422);
        assert!(refused["errors"].get(field).is_some(), "{refused}");
    }
    let without = json!({"circuit": BELL, "shots": 0});
    let refused = api.post("/tasks", &without).await.expect(422);
    assert!(
        refused["errors"]["shots"]
            .as_str()
            .expect("text")
            .contains("needs observables"),
        "{refused}"
    );

    // The number of qubits is known to those who read the circuit.
    let mut body = json!({"circuit": BELL, "observables": ["ZZ", "ZZZ"]});
    let id = app.submit(&body).await;
    let task = app.wait_status(id, "failed").await;
    assert_eq!(task["error_code"], "invalid_circuit");
    let message = task["error_message"].as_str().expect("text");
    assert!(
        message.starts_with(
            "observables[1][0]: `pauli` must have one letter for each of the circuit's 2 qubits"
        ),
        "{message}"
    );
    body["dry_run"] = json!(true);
    let tried = api.post("/tasks", &body).await.expect(200);
    assert!(
        tried["errors"][0]["message"]
            .as_str()
            .expect("text")
            .starts_with("observables[1][0]: "),
        "{tried}"
    );
    app.finish().await;
}
