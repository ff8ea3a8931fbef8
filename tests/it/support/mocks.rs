//! Tasks of the mock backend, and their expected histories.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestDatabase;
use crate::support::queries::Transition;

/// A task whose circuit contains an instruction for the mock, such as `sleep 250ms`; without one it takes no time.
pub fn mock(order: &str) -> Value {
    json!({"backend": "mock", "circuit": circuit(order), "shots": 1000})
}

/// The same with additional or different fields.
pub fn mock_with(order: &str, fields: &Value) -> Value {
    let mut task = mock(order);
    for (name, value) in fields.as_object().into_iter().flatten() {
        task[name] = value.clone();
    }
    task
}

fn circuit(order: &str) -> String {
    let order = if order.is_empty() {
        String::new()
    } else {
        format!("// mock: {order}\n")
    };
    format!("OPENQASM 3.0;\n{order}qubit q;\n")
}

/// Changes the instruction of a waiting or running task for its next attempt.
pub async fn reorder(database: &TestDatabase, task_id: Uuid, order: &str) {
    let statement = "UPDATE tasks SET circuit = $2 WHERE task_id = $1";
    let changed = database
        .execute(statement, &[&task_id, &circuit(order)])
        .await;
    assert_eq!(changed, 1, "no task {task_id}");
}

/// The first transition of every history.
pub fn created() -> Transition {
    Transition {
        status: "pending".into(),
        attempt: 0,
        worker_id: None,
        notes: Some("Task created".into()),
    }
}

/// A claim by a worker.
pub fn claimed(attempt: i32, worker: &str) -> Transition {
    moved("processing", attempt, worker, "Worker started processing")
}

/// A result.
pub fn completed(attempt: i32, worker: &str) -> Transition {
    moved("completed", attempt, worker, "Task completed successfully")
}

/// A cancellation, by the owner of the attempt, or without a worker if the task was not running.
pub fn cancelled(attempt: i32, worker: Option<&str>) -> Transition {
    Transition {
        status: "cancelled".into(),
        attempt,
        worker_id: worker.map(str::to_owned),
        notes: Some("Cancelled on request".into()),
    }
}

/// The loss of a worker that died or sent no heartbeat.
pub fn lost(status: &str, attempt: i32, worker: &str) -> Transition {
    moved(status, attempt, worker, "Worker was lost")
}

/// Any transition that a worker took part in.
pub fn moved(status: &str, attempt: i32, worker: &str, notes: &str) -> Transition {
    Transition {
        status: status.to_owned(),
        attempt,
        worker_id: Some(worker.to_owned()),
        notes: Some(notes.to_owned()),
    }
}

/// Removes the random length of a delay from the notes.
pub fn without_delays(mut history: Vec<Transition>) -> Vec<Transition> {
    for notes in history
        .iter_mut()
        .filter_map(|transition| transition.notes.as_mut())
    {
        if let Some((before, _)) = notes.split_once("; next attempt in ") {
            *notes = before.to_owned();
        }
    }
    history
}

/// Waits until this many tasks are completed, and checks that each ran exactly once: one claim, one result, no other
/// transition.
pub async fn wait_all_completed_at_once(database: &TestDatabase, tasks: i64) {
    use crate::support::wait::{DEADLINE, eventually};
    let what = format!("{tasks} completed tasks");
    let all = || async { (database.tasks_in("completed").await >= tasks).then_some(()) };
    eventually(DEADLINE * 2, &what, all).await;
    let count = |query: &'static str| database.count(query, &[]);
    assert_eq!(count("SELECT count(*) FROM tasks").await, tasks);
    assert_eq!(
        count("SELECT count(*) FROM tasks WHERE attempt <> 1").await,
        0,
        "tasks were run again"
    );
    assert_eq!(
        count("SELECT count(*) FROM status_history").await,
        3 * tasks
    );
    let whole = "SELECT count(*) FROM (SELECT array_agg(status::text ORDER BY id) AS path FROM status_history GROUP BY task_id) h \
                 WHERE path = '{pending,processing,completed}'";
    assert_eq!(count(whole).await, tasks);
}
