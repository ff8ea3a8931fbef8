//! The ways that a task's life can take when nothing around it breaks.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::mocks::{
    claimed, completed, created, mock, mock_with, moved, reorder, without_delays,
};
use crate::support::wait::eventually;
use crate::support::{App, QueueKind, on_both_queues};

const LIMIT: Duration = Duration::from_secs(20);

on_both_queues!(
    a_task_is_pending_then_processing_then_completed,
    a_circuit_comes_back_with_its_counts,
    a_passing_failure_is_tried_again_ever_later_until_attempts_are_used_up,
    a_task_that_is_tried_again_can_complete,
    a_failure_for_good_is_not_tried_again,
    a_panic_costs_an_attempt_and_not_the_worker,
    a_task_that_runs_too_long_fails_even_if_it_cannot_be_stopped,
    a_task_overdue_that_its_worker_does_not_end_is_failed_by_the_sweep,
    higher_priorities_go_first_and_equal_ones_in_order,
);

async fn a_task_is_pending_then_processing_then_completed(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let submitted = app.post("/tasks", &mock("sleep 300ms")).await.expect(201);
    assert_eq!(submitted["status"], "pending");
    let task_id: Uuid = serde_json::from_value(submitted["task_id"].clone()).expect("a task_id");
    let running = app.wait_status(task_id, "processing").await;
    assert_eq!(running["result"], Value::Null);

    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(task["status"], "completed");
    assert_eq!(task["result"], json!({"00": 500, "11": 500}));
    assert!(
        task["execution"]["executed_ms"].as_i64() >= Some(300),
        "{task}"
    );
    let history = task["status_history"].as_array().expect("a history");
    let statuses: Vec<&Value> = history.iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, ["pending", "processing", "completed"]);
    let rows = app.database.history(task_id).await;
    assert_eq!(rows, [created(), claimed(1, "w1"), completed(1, "w1")]);
    let backwards = "SELECT count(*) FROM status_history a JOIN status_history b USING (task_id) \
                     WHERE a.id < b.id AND a.transitioned_at > b.transitioned_at";
    assert_eq!(app.database.count(backwards, &[]).await, 0);
    app.finish().await;
}

async fn a_circuit_comes_back_with_its_counts(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w1", "simulator"))
        .start()
        .await;
    let bell = "OPENQASM 3.0; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;";
    let task_id = app.submit(&json!({"circuit": bell, "shots": 1024})).await;
    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(task["status"], "completed", "{task}");
    let counts = task["result"].as_object().expect("counts");
    let count = |outcome: &str| {
        counts
            .get(outcome)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    };
    assert_eq!(count("00") + count("11"), 1024, "{counts:?}");
    assert!(count("00") > 350 && count("11") > 350, "{counts:?}");
    let rows = app.database.history(task_id).await;
    assert_eq!(rows, [created(), claimed(1, "w1"), completed(1, "w1")]);
    app.finish().await;
}

async fn a_passing_failure_is_tried_again_ever_later_until_attempts_are_used_up(kind: QueueKind) {
    let worker = Worker::new("w1", "mock").args(&["--retry-delay", "400ms"]);
    let app = App::builder(kind).worker(worker).start().await;
    let task_id = app
        .submit(&mock_with("fail-transient", &json!({"max_attempts": 3})))
        .await;
    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(
        (&task["status"], &task["error_code"]),
        (&json!("failed"), &json!("execution_error"))
    );

    let reason = "execution_error: failed for a passing reason, as the circuit asked";
    let last = format!("{reason} (that was the last of 3 attempts)");
    let history = without_delays(app.database.history(task_id).await);
    let end = history
        .last()
        .and_then(|row| row.notes.clone())
        .unwrap_or_default();
    assert!(end.starts_with(reason), "{end}");
    let expected = [
        created(),
        claimed(1, "w1"),
        moved("retrying", 1, "w1", reason),
        claimed(2, "w1"),
        moved("retrying", 2, "w1", reason),
        claimed(3, "w1"),
        moved("failed", 3, "w1", &last),
    ];
    assert_eq!(history[..6], expected[..6]);
    assert_eq!(
        (history.len(), &history[6].status, history[6].attempt),
        (7, &expected[6].status, 3)
    );
    // Half of each delay is certain, the other half is drawn by lot.
    assert!(waited_ms(&app, task_id, 1).await >= 200);
    assert!(waited_ms(&app, task_id, 2).await >= 400);
    app.finish().await;
}

async fn a_task_that_is_tried_again_can_complete(kind: QueueKind) {
    let worker = Worker::new("w1", "mock").args(&["--retry-delay", "2s"]);
    let app = App::builder(kind).worker(worker).start().await;
    let task_id = app.submit(&mock("fail-transient")).await;
    let waiting = app.wait_status(task_id, "retrying").await;
    assert_eq!(
        waiting["error_code"], "execution_error",
        "why it waits is said: {waiting}"
    );
    reorder(&app.database, task_id, "").await;

    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(task["result"], json!({"00": 500, "11": 500}));
    assert_eq!(
        task.get("error_code").unwrap_or(&Value::Null),
        &Value::Null,
        "a completed task has no error"
    );
    let reason = "execution_error: failed for a passing reason, as the circuit asked";
    let expected = [
        created(),
        claimed(1, "w1"),
        moved("retrying", 1, "w1", reason),
        claimed(2, "w1"),
        completed(2, "w1"),
    ];
    assert_eq!(
        without_delays(app.database.history(task_id).await),
        expected
    );
    app.finish().await;
}

async fn a_failure_for_good_is_not_tried_again(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let task_id = app
        .submit(&mock_with("fail", &json!({"max_attempts": 5})))
        .await;
    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(
        (&task["status"], &task["error_code"]),
        (&json!("failed"), &json!("execution_error"))
    );
    assert_eq!(task["error_message"], "failed, as the circuit asked");
    assert_eq!(task["result"], Value::Null);
    let end = moved(
        "failed",
        1,
        "w1",
        "execution_error: failed, as the circuit asked",
    );
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w1"), end]
    );
    app.finish().await;
}

async fn a_panic_costs_an_attempt_and_not_the_worker(kind: QueueKind) {
    let worker = Worker::new("w1", "mock").args(&["--retry-delay", "100ms"]);
    let mut app = App::builder(kind).worker(worker).start().await;
    let task_id = app
        .submit(&mock_with("panic", &json!({"max_attempts": 2})))
        .await;
    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(
        (&task["status"], &task["error_code"]),
        (&json!("failed"), &json!("execution_error"))
    );
    let statuses = app.database.statuses(task_id).await;
    assert_eq!(
        statuses,
        ["pending", "processing", "retrying", "processing", "failed"]
    );

    let next = app.submit(&mock("")).await;
    assert_eq!(app.wait_terminal(next, LIMIT).await["status"], "completed");
    app.assert_nothing_left_behind().await;
    app.workers[0].allow_panic();
    assert!(app.workers[0].terminate().await.success());
}

async fn a_task_that_runs_too_long_fails_even_if_it_cannot_be_stopped(kind: QueueKind) {
    let worker = Worker::new("w1", "mock").args(&["--concurrency", "2"]);
    let app = App::builder(kind).worker(worker).start().await;
    let short = json!({"timeout_seconds": 1});
    let hanging = app.submit(&mock_with("hang", &short)).await;
    let stuck = app.submit(&mock_with("stuck", &short)).await;
    for task_id in [hanging, stuck] {
        let task = app.wait_terminal(task_id, LIMIT).await;
        assert_eq!(
            (&task["status"], &task["error_code"]),
            (&json!("failed"), &json!("timeout"))
        );
        assert_eq!(task["error_message"], "ran longer than 1 s");
        let end = moved("failed", 1, "w1", "timeout: ran longer than 1 s");
        assert_eq!(
            app.database.history(task_id).await,
            [created(), claimed(1, "w1"), end]
        );
    }
    // Both slots are free again.
    for next in [app.submit(&mock("")).await, app.submit(&mock("")).await] {
        assert_eq!(app.wait_terminal(next, LIMIT).await["status"], "completed");
    }
    app.finish().await;
}

async fn a_task_overdue_that_its_worker_does_not_end_is_failed_by_the_sweep(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let task_id = app
        .submit(&mock_with("hang", &json!({"timeout_seconds": 60})))
        .await;
    app.wait_status(task_id, "processing").await;
    // Only the rows know that it began so long ago. Again and again, because a sweep that comes late
    // on a busy machine takes that for an outage, and excuses it.
    let ago = "WITH began AS (
                       UPDATE tasks SET started_at = started_at - interval '95 seconds'
                       WHERE task_id = $1 AND completed_at IS NULL)
                   UPDATE sweeps SET unbroken_since = clock_timestamp() - interval '1 hour',
                                     steady_since = clock_timestamp() - interval '1 hour'";
    let ended = || async {
        app.database.execute(ago, &[&task_id]).await;
        let row = app.database.task(task_id).await;
        (!row["completed_at"].is_null()).then_some(())
    };
    eventually(LIMIT, "the end of the task", ended).await;
    let task = app.task(task_id).await;
    assert_eq!(
        (&task["status"], &task["error_code"]),
        (&json!("failed"), &json!("timeout"))
    );
    let end = moved("failed", 1, "w1", "timeout: ran longer than 60 s");
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w1"), end]
    );

    // The worker is told, and is free for the next one.
    app.workers[0]
        .wait_for_field("task.lease_lost", "task_id", &task_id.to_string())
        .await;
    let next = app.submit(&mock("")).await;
    assert_eq!(app.wait_terminal(next, LIMIT).await["status"], "completed");
    app.finish().await;
}

async fn higher_priorities_go_first_and_equal_ones_in_order(kind: QueueKind) {
    let mut app = App::builder(kind).start().await;
    let mut submitted = Vec::new();
    for priority in [5, 0, 10, 5, 1, 10, 9] {
        let task = mock_with("", &json!({"priority": priority}));
        submitted.push((priority, app.submit(&task).await));
    }
    app.start_worker(&Worker::new("w1", "mock")).await;
    for (_, task_id) in &submitted {
        assert_eq!(
            app.wait_terminal(*task_id, LIMIT).await["status"],
            "completed"
        );
    }
    submitted.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    let expected: Vec<Uuid> = submitted.into_iter().map(|(_, task_id)| task_id).collect();
    assert_eq!(claims_in_order(&app).await, expected);
    app.finish().await;
}

/// How long the task waited after this attempt for its next one, in milliseconds.
async fn waited_ms(app: &App, task_id: Uuid, attempt: i32) -> i64 {
    let query = "SELECT (extract(epoch FROM after.transitioned_at - before.transitioned_at) * 1000)::bigint \
                 FROM status_history before JOIN status_history after USING (task_id) \
                 WHERE task_id = $1 AND before.attempt = $2 AND before.status = 'retrying' \
                   AND after.attempt = $2 + 1 AND after.status = 'processing'";
    app.database.count(query, &[&task_id, &attempt]).await
}

async fn claims_in_order(app: &App) -> Vec<Uuid> {
    let query = "SELECT task_id FROM status_history WHERE status = 'processing' ORDER BY id";
    let rows = app
        .database
        .connect()
        .await
        .query(query, &[])
        .await
        .expect("the history");
    rows.iter().map(|row| row.get(0)).collect()
}
