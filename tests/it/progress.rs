//! How far a long run of the simulator is.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind};

/// Long enough on any machine: it is cancelled.
const PASSES: &str = "OPENQASM 3; qubit[22] q; for int i in [1:300] { h q; rz(0.1 * i) q; cx q[0:20], q[1:21]; } measure q;";
/// Branches without end: each shot has a history of its own.
const BRANCHES: &str = "OPENQASM 3; qubit[8] q; bit[40] c;
for int i in [0:39] { h q; c[i] = measure q[0]; if (c[i]) { rx(0.3) q; cx q[0:6], q[1:7]; } }";

async fn progress(app: &App, task_id: Uuid, unit: &str, but: &Value) -> Value {
    eventually(DEADLINE, "progress", || async {
        let told = app.task(task_id).await["progress"].clone();
        (told[unit].is_u64() && told != *but).then_some(told)
    })
    .await
}

#[tokio::test]
async fn the_simulator_says_how_far_a_long_run_is() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w1", "simulator").args(&["--concurrency", "1"]))
        .start()
        .await;
    let short = json!({"circuit": "OPENQASM 3; qubit q; h q; measure q;"});
    let short = app.submit(&short).await;
    assert!(app.wait_status(short, "completed").await["progress"].is_null());
    for (circuit, unit) in [(PASSES, "passes"), (BRANCHES, "shots")] {
        let task_id = app
            .submit(&json!({"circuit": circuit, "shots": 1_000_000}))
            .await;
        let first = progress(&app, task_id, unit, &Value::Null).await;
        let second = progress(&app, task_id, unit, &first).await;
        let (before, after) = (first[unit].as_u64(), second[unit].as_u64());
        assert!(
            before < after && after <= second["of"].as_u64(),
            "{first} {second}"
        );
        app.cancel(task_id).await.expect(200);
        app.wait_status(task_id, "cancelled").await;
    }
    app.finish().await;
}
