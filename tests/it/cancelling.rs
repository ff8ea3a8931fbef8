//! A task can be cancelled at each moment of its life, and ends once, whatever comes in between.

use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::gate::Gate;
use crate::support::mocks::{cancelled, claimed, completed, created, mock, mock_with, moved};
use crate::support::sweeps::forty_minutes_pass;
use crate::support::wait::DEADLINE;
use crate::support::{App, QueueKind, on_both_queues};

const LIMIT: Duration = Duration::from_secs(30);

fn worker(name: &str) -> Worker {
    Worker::new(name, "mock")
}

/// A worker that hears nothing from its heartbeats for longer than the test lasts.
fn rarely_beating(name: &str) -> Worker {
    worker(name).args(&["--heartbeat-interval", "60s", "--lease-duration", "180s"])
}

async fn claimed_task(app: &App, order: &str) -> Uuid {
    let task_id = app.submit(&mock(order)).await;
    app.workers[0]
        .wait_for_field("task.claimed", "task_id", &task_id.to_string())
        .await;
    task_id
}

fn without_message(mut answer: Value) -> Value {
    assert!(answer["message"].take().is_string(), "{answer}");
    answer
}

/// The answer of a request to cancel a task that runs.
async fn cancel_running(app: &App, task_id: Uuid) -> Value {
    let answer = without_message(app.cancel(task_id).await.expect(200));
    assert_eq!(
        (&answer["status"], &answer["task_id"]),
        (&json!("processing"), &json!(task_id))
    );
    answer
}

const ENDED_TWICE: &str = "SELECT count(*) FROM (SELECT FROM status_history \
     WHERE status IN ('completed', 'failed', 'cancelled') GROUP BY task_id HAVING count(*) > 1) AS twice";

on_both_queues!(
    a_task_that_waits_is_cancelled_at_once_and_never_runs,
    a_task_that_waits_for_its_next_attempt_is_cancelled_at_once,
    a_worker_is_told_at_once_and_not_only_by_its_next_heartbeat,
    a_worker_that_missed_the_notification_hears_of_it_at_its_next_heartbeat,
    a_cancel_in_the_middle_of_the_claim_finds_the_new_owner,
    a_cancel_in_the_middle_of_the_completion_comes_too_late,
    a_worker_that_does_not_answer_is_fenced_off_after_the_grace_time,
    a_task_whose_worker_dies_before_it_stops_is_cancelled_and_not_retried,
    cancels_at_any_moment_leave_each_task_with_one_end,
);

async fn a_task_that_waits_is_cancelled_at_once_and_never_runs(kind: QueueKind) {
    let mut app = App::builder(kind).start().await;
    let task_id = app.submit(&mock("")).await;
    let first = app.cancel(task_id).await.expect(200);
    assert_eq!(first["status"], "cancelled");
    let task = app.task(task_id).await;
    assert_eq!(
        (&task["status"], &task["cancel_requested_at"]),
        (&json!("cancelled"), &first["cancel_requested_at"])
    );
    assert!(
        task["completed_at"].is_string() && task["available_at"].is_null(),
        "{task}"
    );
    assert_eq!(
        without_message(app.cancel(task_id).await.expect(200)),
        without_message(first)
    );

    app.start_worker(&worker("w")).await;
    let next = app.submit(&mock("")).await;
    app.wait_status(next, "completed").await;
    assert_eq!(
        app.database.history(task_id).await,
        [created(), cancelled(0, None)]
    );
    app.finish().await;
}

async fn a_task_that_waits_for_its_next_attempt_is_cancelled_at_once(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(worker("w").args(&["--retry-delay", "1h", "--retry-delay-max", "1h"]))
        .start()
        .await;
    let task_id = app.submit(&mock("fail-transient")).await;
    app.wait_status(task_id, "retrying").await;
    assert_eq!(app.cancel(task_id).await.expect(200)["status"], "cancelled");
    assert_eq!(
        app.database.history(task_id).await.last(),
        Some(&cancelled(1, None))
    );
    app.finish().await;
}

async fn a_worker_is_told_at_once_and_not_only_by_its_next_heartbeat(kind: QueueKind) {
    let app = App::builder(kind).worker(rarely_beating("w")).start().await;
    let task_id = claimed_task(&app, "hang").await;
    let answer = cancel_running(&app, task_id).await;
    let task = app.wait_status(task_id, "cancelled").await;
    assert_eq!(task["cancel_requested_at"], answer["cancel_requested_at"]);
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w"), cancelled(1, Some("w"))]
    );
    assert_eq!(app.cancel(task_id).await.expect(200)["status"], "cancelled");
    let next = app.submit(&mock("")).await;
    app.wait_status(next, "completed").await;
    app.finish().await;
}

async fn a_worker_that_missed_the_notification_hears_of_it_at_its_next_heartbeat(kind: QueueKind) {
    let app = App::builder(kind).worker(worker("w")).start().await;
    let task_id = claimed_task(&app, "hang").await;
    let unheard = "UPDATE tasks SET cancel_requested_at = clock_timestamp() WHERE task_id = $1";
    assert_eq!(app.database.execute(unheard, &[&task_id]).await, 1);
    app.wait_status(task_id, "cancelled").await;
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w"), cancelled(1, Some("w"))]
    );
    app.finish().await;
}

async fn a_cancel_in_the_middle_of_the_claim_finds_the_new_owner(kind: QueueKind) {
    let app = App::builder(kind).worker(worker("w")).start().await;
    let gate = Gate::closed(&app.database, "processing").await;
    let task_id = app.submit(&mock("hang")).await;
    gate.wait_for_a_comer().await;
    let (answer, ()) = tokio::join!(app.cancel(task_id), async {
        // It waits for the row that the claim holds.
        app.database.wait_for_a_row(1).await;
        gate.open().await;
    });
    assert_eq!(answer.expect(200)["status"], "processing");
    app.wait_status(task_id, "cancelled").await;
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w"), cancelled(1, Some("w"))]
    );
    app.finish().await;
}

async fn a_cancel_in_the_middle_of_the_completion_comes_too_late(kind: QueueKind) {
    let app = App::builder(kind).worker(worker("w")).start().await;
    let gate = Gate::closed(&app.database, "completed").await;
    let task_id = app.submit(&mock("")).await;
    gate.wait_for_a_comer().await;
    let (answer, ()) = tokio::join!(app.cancel(task_id), async {
        app.database.wait_for_a_row(1).await;
        gate.open().await;
    });
    let detail = answer.body["detail"].to_string();
    assert_eq!(answer.expect_problem(409), "task_already_terminal");
    assert!(detail.contains("completed"), "{detail}");
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w"), completed(1, "w")]
    );
    app.finish().await;
}

async fn a_worker_that_does_not_answer_is_fenced_off_after_the_grace_time(kind: QueueKind) {
    let app = App::builder(kind)
        .env("QTASK_CANCEL_GRACE", "1s")
        .worker(rarely_beating("deaf"))
        .start()
        .await;
    let task_id = claimed_task(&app, "sleep 500ms").await;
    app.workers[0].pause().await;
    cancel_running(&app, task_id).await;
    let task = app.wait_status(task_id, "cancelled").await;
    assert_eq!(task["worker_id"], "deaf");
    let fenced = moved(
        "cancelled",
        1,
        "deaf",
        "Cancelled on request; the worker did not answer",
    );
    let history = [created(), claimed(1, "deaf"), fenced];
    assert_eq!(app.database.history(task_id).await, history);

    // Its task is done by its own clock, and it tries to say so.
    app.workers[0].resume();
    app.workers[0]
        .wait_for_field("task.lease_lost", "task_id", &task_id.to_string())
        .await;
    assert_eq!(app.database.history(task_id).await, history);
    app.finish().await;
}

async fn a_task_whose_worker_dies_before_it_stops_is_cancelled_and_not_retried(kind: QueueKind) {
    let mut app = App::builder(kind).worker(worker("w")).start().await;
    let task_id = claimed_task(&app, "hang").await;
    app.workers[0].pause().await;
    cancel_running(&app, task_id).await;
    app.workers[0].signal(Signal::SIGKILL);
    app.workers[0].wait_exit(DEADLINE).await;
    app.workers.remove(0);
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "cancelled"
    );
    assert_eq!(
        app.database.statuses(task_id).await,
        ["pending", "processing", "cancelled"]
    );
    // Its message came back, and means nothing any more.
    app.start_worker(&worker("other")).await;
    app.finish().await;
}

async fn cancels_at_any_moment_leave_each_task_with_one_end(kind: QueueKind) {
    let busy = |name: &str| worker(name).args(&["--concurrency", "4"]);
    let app = App::builder(kind)
        .apis(2)
        .worker(busy("w1"))
        .worker(busy("w2"))
        .start()
        .await;
    let task = mock_with("sleep 20ms", &json!({"max_attempts": 1}));
    let lives = join_all((0..80_u64).map(|n| {
        let (app, task) = (&app, &task);
        async move {
            let task_id = app.submit(task).await;
            // From before the claim to after the end.
            tokio::time::sleep(Duration::from_millis(n * 3)).await;
            let answers = tokio::join!(app.cancel(task_id), app.cancel(task_id));
            (task_id, answers)
        }
    }))
    .await;
    for (task_id, (first, second)) in lives {
        let end = app.wait_terminal(task_id, LIMIT).await["status"].clone();
        for answer in [first, second] {
            match answer.status.as_u16() {
                200 => assert!(
                    answer.body["status"] == "processing" || answer.body["status"] == end,
                    "{}",
                    answer.body
                ),
                status => assert_eq!(
                    (status, &end),
                    (409, &json!("completed")),
                    "{}",
                    answer.body
                ),
            }
        }
    }
    assert_eq!(app.database.count(ENDED_TWICE, &[]).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_cancel_that_was_accepted_stands_over_a_timeout() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_CANCEL_GRACE", "3s")
        .worker(rarely_beating("deaf"))
        .start()
        .await;
    let task_id = claimed_task(&app, "hang").await;
    app.workers[0].pause().await;
    cancel_running(&app, task_id).await;
    // Overdue by far, and nobody ends it but the sweep.
    forty_minutes_pass(&app.database, task_id).await;
    let ended = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(
        (&ended["status"], &ended["error_code"]),
        (&json!("cancelled"), &Value::Null)
    );
    app.workers[0].resume();
    app.finish().await;
}
