//! Sweeps: one task that runs a circuit for many values of its inputs.

use serde_json::{Value, json};

use crate::client::run_with;
use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

const TURNED: &str = "OPENQASM 3; include \"stdgates.inc\"; input float theta; input int n; qubit q; for int i in [1:n] { ry(theta) q; } bit c = measure q;";

on_both_queues!(a_sweep_has_a_result_for_each_point_in_order,);

async fn a_sweep_has_a_result_for_each_point_in_order(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let angles: Vec<f64> = (0..200).map(|k| 0.03 * f64::from(k)).collect();
    let submission = json!({
        "circuit": TURNED, "shots": 100, "seed": 5, "parameters": {"n": 2}, "sweep": {"theta": angles}, "observables": ["Z"],
    });
    let id = app.submit(&submission).await;
    let task = app.wait_status(id, "completed").await;
    assert_eq!(task["result"], json!({}));
    assert_eq!(task["execution"]["qubits"], 1);
    let points = task["execution"]["points"].as_array().expect("points");
    assert_eq!(points.len(), 200);
    for (index, (angle, point)) in angles.iter().zip(points).enumerate() {
        assert_eq!(point["seed"], 5 + index);
        let mean = point["expectations"][0]["value"].as_f64().expect("a value");
        assert!((mean - (2.0 * angle).cos()).abs() < 0.5, "{index}: {point}");
        let counts = point["counts"].as_object().expect("counts");
        assert_eq!(counts.values().filter_map(Value::as_u64).sum::<u64>(), 100);
    }
    // Each point is what a task of its own would have given.
    let single = json!({"circuit": TURNED, "shots": 100, "seed": 12, "parameters": {"n": 2, "theta": angles[7]}});
    let id = app.submit(&single).await;
    let single = app.wait_status(id, "completed").await;
    assert_eq!(points[7]["counts"], single["result"]);
    app.finish().await;
}

#[tokio::test]
async fn a_point_that_fails_fails_the_sweep_and_is_named() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let api = Contract::of(&app).await;
    let sweep = json!({"theta": [0.1, 0.2, 0.3], "n": [1, 1, "01"]});
    let id = app
        .submit(&json!({"circuit": TURNED, "sweep": sweep}))
        .await;
    let task = app.wait_status(id, "failed").await;
    assert_eq!(task["error_code"], "invalid_circuit");
    let message = task["error_message"].as_str().expect("text");
    assert!(message.starts_with("point 2: line 1, column "), "{message}");

    // The first point is checked before.
    let tried = json!({"circuit": TURNED, "sweep": {"theta": [0.1]}, "dry_run": true});
    let tried = api.post("/tasks", &tried).await.expect(200);
    assert!(
        tried["errors"][0]["message"]
            .as_str()
            .expect("text")
            .contains("`n`"),
        "{tried}"
    );
    for sweep in [
        json!({}),
        json!({"theta": [1], "n": [1, 2]}),
        json!({"theta": 1}),
    ] {
        let refused = api
            .post("/tasks", &json!({"circuit": TURNED, "sweep": sweep}))
            .await
            .expect(422);
        assert!(refused["errors"].get("sweep").is_some(), "{refused}");
    }
    app.finish().await;
}

#[tokio::test]
async fn results_of_points_that_are_too_large_fail_the_sweep_as_soon_as_they_are() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let wide = "OPENQASM 3; input float theta; qubit[12] q; rx(theta) q; measure q;";
    let angles: Vec<f64> = vec![1.0; 1_000];
    let id = app
        .submit(
            &json!({"circuit": wide, "shots": 0, "statevector": true, "sweep": {"theta": angles}}),
        )
        .await;
    let task = app.wait_status(id, "failed").await;
    assert_eq!(task["error_code"], "resource_limit");
    let message = task["error_message"].as_str().expect("text");
    assert!(
        message.starts_with("point ") && message.contains("the limit is 16777216 bytes"),
        "{message}"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_sweep_reports_its_points_and_is_cancelled_between_them() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let long = "OPENQASM 3; input float theta; qubit[18] q; for int i in [1:60] { h q; rz(theta * i) q; cx q[0:16], q[1:17]; } measure q;";
    let angles: Vec<f64> = (0..10_000).map(f64::from).collect();
    let id = app
        .submit(&json!({"circuit": long, "shots": 1, "sweep": {"theta": angles}}))
        .await;
    let progress = eventually(DEADLINE, "points", || async {
        let progress = app.task(id).await["progress"].clone();
        (progress["points"].as_u64() > Some(0)).then_some(progress)
    })
    .await;
    assert_eq!(progress["of"], 10_000);
    app.cancel(id).await.expect(200);
    app.wait_status(id, "cancelled").await;
    app.finish().await;
}

#[tokio::test]
async fn the_client_submits_ranges_as_a_sweep_and_sums_as_observables() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let url = app.url(0, "");
    let flags = [
        "submit",
        "-",
        "--wait",
        "--shots",
        "0",
        "--parameter",
        "theta=0:1:3",
        "--parameter",
        "n=1",
        "--observable",
        "-2*Z+0.5*X",
    ];
    let ended = run_with(&url, &flags, TURNED).await.expect(0);
    let execution: Value = serde_json::from_str(ended.columns()[0][6]).expect("JSON");
    let points = execution["points"].as_array().expect("points");
    for (angle, point) in [0.0_f64, 0.5, 1.0].iter().zip(points) {
        let value = point["expectations"][0]["value"].as_f64().expect("a value");
        assert!(
            (value - (0.5 * angle.sin() - 2.0 * angle.cos())).abs() < 1e-12,
            "{point}"
        );
    }
    assert_eq!(points.len(), 3);
    app.finish().await;
}
