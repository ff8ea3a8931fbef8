//! Values that come with a circuit for its `input` declarations.

use serde_json::json;

use crate::support::app::Worker;
use crate::support::{App, QueueKind, on_both_queues};

const CIRCUIT: &str = "OPENQASM 3; input float theta; input uint n; input bit[2] mask; qubit[n] q; rx(theta) q; if (mask == 2) { x q[0]; } bit[n] c = measure q;";

on_both_queues!(parameters_of_a_circuit_reach_the_simulator,);

async fn parameters_of_a_circuit_reach_the_simulator(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let given = json!({"theta": std::f64::consts::PI, "n": 3, "mask": "10"});
    let id = app
        .submit(&json!({"circuit": CIRCUIT, "shots": 10, "parameters": given}))
        .await;
    let task = app.wait_status(id, "completed").await;
    assert_eq!(task["result"], json!({"110": 10}));

    let id = app.submit(&json!({"circuit": CIRCUIT, "shots": 10})).await;
    let task = app.wait_status(id, "failed").await;
    assert_eq!(task["error_code"], "invalid_circuit");
    let message = task["error_message"].as_str().expect("a message");
    assert!(
        message.starts_with("line 1, column 25: there is no value for the input `theta`"),
        "{message}"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_stored_option_that_cannot_be_read_fails_its_task_for_good_and_is_named() {
    let mut app = App::builder(QueueKind::Postgres).start().await;
    let id = app
        .submit(&json!({"circuit": "qubit q; h q; measure q;", "seed": 1}))
        .await;
    let client = app.database.connect().await;
    let spoil = "UPDATE tasks SET parameters = '{\"seed\": \"one\"}' WHERE task_id = $1";
    assert_eq!(client.execute(spoil, &[&id]).await.unwrap(), 1);

    app.start_worker(&Worker::new("w", "simulator")).await;
    let task = app.wait_status(id, "failed").await;
    assert_eq!(
        (&task["attempt"], &task["error_code"]),
        (&json!(1), &json!("unsupported_task"))
    );
    let message = task["error_message"].as_str().expect("a message");
    assert!(
        message.contains("`seed`") && message.contains("one"),
        "{message}"
    );
    app.finish().await;
}
