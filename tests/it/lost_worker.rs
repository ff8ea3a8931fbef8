//! Processes that die, stop, or are replaced: nothing they had in their hands is lost.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::client::send;
use crate::support::mocks::{claimed, completed, created, lost, mock, mock_with, moved};
use crate::support::wait::{DEADLINE, eventually, free_port};
use crate::support::{App, QueueKind, on_both_queues};

const LIMIT: Duration = Duration::from_secs(30);

fn worker(name: &str) -> Worker {
    Worker::new(name, "mock")
}

/// Submits a task and waits until the worker started last has claimed it.
async fn submit_and_claim(app: &App, task: &Value) -> Uuid {
    let task_id = app.submit(task).await;
    let worker = app.workers.last().expect("a worker");
    worker
        .wait_for_field("task.claimed", "task_id", &task_id.to_string())
        .await;
    task_id
}

on_both_queues!(
    killing_apis_and_workers_under_load_loses_no_accepted_task,
    a_task_of_a_killed_worker_runs_elsewhere_and_completes_once,
    with_the_default_times_a_dead_workers_task_runs_again_within_30_seconds,
    a_worker_told_to_stop_finishes_its_task_within_the_grace_time,
    a_worker_out_of_grace_hands_its_task_back_and_the_attempt_does_not_count,
    a_second_signal_ends_a_worker_at_once_and_others_take_its_task,
    a_worker_that_takes_over_its_name_again_releases_its_old_tasks_at_once,
    a_worker_that_takes_over_a_name_replaces_the_first_which_fails,
    a_clock_set_back_keeps_no_dead_worker_alive,
    a_worker_that_never_reached_its_database_stops_when_told,
    a_task_that_has_cost_every_attempt_a_worker_fails_as_worker_lost,
);

async fn killing_apis_and_workers_under_load_loses_no_accepted_task(kind: QueueKind) {
    let busy = |name: &str| worker(name).args(&["--concurrency", "8"]);
    let mut app = App::builder(kind)
        .apis(2)
        .worker(busy("w1"))
        .worker(busy("w2"))
        .start()
        .await;
    let task = mock("sleep 20ms");
    let client = crate::support::client::http_client();
    let accepted = {
        let submissions = join_all((0..300).map(|n| {
            let request = client.post(app.url(n % 2, "/tasks")).json(&task);
            async move {
                send(request)
                    .await
                    .ok()
                    .filter(|reply| reply.status == 201)
                    .map(|reply| reply.body)
            }
        }));
        // Both signals are sent while requests are under way and tasks run.
        let killing = async {
            app.workers[0].wait_for("task.claimed").await;
            app.workers[0].signal(Signal::SIGKILL);
            app.apis[0].signal(Signal::SIGKILL);
        };
        tokio::join!(submissions, killing).0
    };
    let accepted: Vec<Uuid> = accepted
        .into_iter()
        .flatten()
        .map(|body| serde_json::from_value(body["task_id"].clone()).expect("a task_id"))
        .collect();
    assert!(
        accepted.len() >= 100,
        "the second API took {} tasks",
        accepted.len()
    );
    for dead in [&mut app.workers[0], &mut app.apis[0]] {
        dead.wait_exit(DEADLINE).await;
    }

    let over = || async {
        let open = "SELECT count(*) FROM tasks WHERE current_status <> 'completed'";
        (app.database.count(open, &[]).await == 0).then_some(())
    };
    eventually(LIMIT, "every task is completed", over).await;
    let known = "SELECT count(*) FROM tasks WHERE task_id = ANY($1)";
    assert_eq!(
        app.database.count(known, &[&accepted]).await,
        i64::try_from(accepted.len()).expect("few")
    );
    // Each task: one result, and a claim for each attempt, the last of them by the worker that lived.
    let wrong = "SELECT count(*) FROM tasks t WHERE \
                 (SELECT count(*) FROM status_history h WHERE h.task_id = t.task_id AND status = 'completed') <> 1 \
                 OR (SELECT count(*) FROM status_history h WHERE h.task_id = t.task_id AND status = 'processing') <> attempt \
                 OR attempt > 2";
    assert_eq!(app.database.count(wrong, &[]).await, 0);
    app.workers.remove(0);
    app.apis.remove(0);
    app.finish().await;
}

async fn a_task_of_a_killed_worker_runs_elsewhere_and_completes_once(kind: QueueKind) {
    let mut app = App::builder(kind).worker(worker("dying")).start().await;
    let task_id = submit_and_claim(&app, &mock("sleep 700ms")).await;
    app.start_worker(&worker("living")).await;
    app.workers[0].kill9().await;
    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(task["status"], "completed");
    assert!(
        task.get("error_code").is_none_or(Value::is_null),
        "a completed task has no error: {task}"
    );
    let history = [
        created(),
        claimed(1, "dying"),
        lost("retrying", 1, "dying"),
        claimed(2, "living"),
        completed(2, "living"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    app.workers.remove(0);
    app.finish().await;
}

async fn with_the_default_times_a_dead_workers_task_runs_again_within_30_seconds(kind: QueueKind) {
    let defaults = [
        ("QTASK_HEARTBEAT_INTERVAL", "5s"),
        ("QTASK_LEASE_DURATION", "15s"),
        ("QTASK_SWEEP_INTERVAL", "1s"),
        ("QTASK_REPUBLISH_AFTER", "5s"),
    ];
    let app = App::builder(kind).worker(worker("dying"));
    let mut app = defaults
        .into_iter()
        .fold(app, |app, (name, value)| app.env(name, value))
        .start()
        .await;
    let task_id = submit_and_claim(&app, &mock("sleep 100ms")).await;
    app.workers[0].kill9().await;
    let died = Instant::now();
    app.start_worker(&worker("living")).await;
    app.workers[1]
        .wait_for_field("task.claimed", "task_id", &task_id.to_string())
        .await;
    let took = died.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    app.workers.remove(0);
    app.finish().await;
}

async fn a_worker_told_to_stop_finishes_its_task_within_the_grace_time(kind: QueueKind) {
    let stopping = worker("w1").args(&["--shutdown-grace", "30s"]);
    let mut app = App::builder(kind).worker(stopping).start().await;
    let task_id = submit_and_claim(&app, &mock("sleep 1s")).await;
    assert!(app.workers[0].terminate().await.success());
    // It has written the result before it ended.
    assert_eq!(
        app.database.task(task_id).await["current_status"],
        "completed"
    );
    let history = [created(), claimed(1, "w1"), completed(1, "w1")];
    assert_eq!(app.database.history(task_id).await, history);
    app.workers.clear();
    app.finish().await;
}

async fn a_worker_out_of_grace_hands_its_task_back_and_the_attempt_does_not_count(kind: QueueKind) {
    let stopping = worker("stopping").args(&["--shutdown-grace", "100ms"]);
    let mut app = App::builder(kind)
        .env("QTASK_LEASE_DURATION", "60s")
        .worker(stopping)
        .start()
        .await;
    let task_id = submit_and_claim(&app, &mock_with("hang", &json!({"max_attempts": 1}))).await;
    crate::support::mocks::reorder(&app.database, task_id, "").await;
    assert!(app.workers[0].terminate().await.success());
    let handed = app.workers[0].wait_for("task.handed_back").await;
    assert_eq!(handed.field("task_id"), Some(task_id.to_string()));
    let row = app.database.task(task_id).await;
    assert_eq!(row["current_status"], "retrying");
    assert_eq!(
        (&row["attempt"], &row["uncounted_attempts"]),
        (&json!(1), &json!(1))
    );

    // It is there at once for the next worker, although the lease would last for a minute.
    app.start_worker(&worker("next")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [
        created(),
        claimed(1, "stopping"),
        moved(
            "retrying",
            1,
            "stopping",
            "Handed back: the worker shut down",
        ),
        claimed(2, "next"),
        completed(2, "next"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    app.workers.remove(0);
    app.finish().await;
}

async fn a_second_signal_ends_a_worker_at_once_and_others_take_its_task(kind: QueueKind) {
    let stopping = worker("stopping").args(&["--shutdown-grace", "1h"]);
    let mut app = App::builder(kind).worker(stopping).start().await;
    let task_id = submit_and_claim(&app, &mock("hang")).await;
    crate::support::mocks::reorder(&app.database, task_id, "").await;
    app.workers[0].signal(Signal::SIGTERM);
    app.workers[0].wait_for("worker.draining").await;
    app.workers[0].signal(Signal::SIGTERM);
    let status = app.workers[0].wait_exit(Duration::from_secs(5)).await;
    assert_eq!(status.code(), Some(130));

    app.start_worker(&worker("next")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [
        created(),
        claimed(1, "stopping"),
        lost("retrying", 1, "stopping"),
        claimed(2, "next"),
        completed(2, "next"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    app.workers.remove(0);
    app.finish().await;
}

async fn a_worker_that_takes_over_its_name_again_releases_its_old_tasks_at_once(kind: QueueKind) {
    let mut app = App::builder(kind)
        .env("QTASK_LEASE_DURATION", "1h")
        .worker(worker("w1"))
        .start()
        .await;
    let task_id = submit_and_claim(&app, &mock("hang")).await;
    crate::support::mocks::reorder(&app.database, task_id, "").await;
    app.workers[0].kill9().await;
    app.start_worker(&worker("w1").args(&["--replace"])).await;
    // Nothing but the name can have released it: the lease lasts for an hour.
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [
        created(),
        claimed(1, "w1"),
        lost("retrying", 1, "w1"),
        claimed(2, "w1"),
        completed(2, "w1"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    assert_eq!(
        app.database
            .count("SELECT count(*) FROM workers", &[])
            .await,
        1
    );
    app.workers.remove(0);
    app.finish().await;
}

async fn a_worker_that_takes_over_a_name_replaces_the_first_which_fails(kind: QueueKind) {
    let mut app = App::builder(kind)
        .env("QTASK_LEASE_DURATION", "1h")
        .worker(worker("twin"))
        .start()
        .await;
    let task_id = submit_and_claim(&app, &mock("hang")).await;
    crate::support::mocks::reorder(&app.database, task_id, "sleep 100ms").await;
    app.start_worker(&worker("twin").args(&["--replace"])).await;
    let first = &mut app.workers[0];
    let status = first.wait_exit(LIMIT).await;
    assert_eq!(status.code(), Some(1), "endless restarts must be logged");
    let reason = first
        .wait_for("worker.failed")
        .await
        .field("error")
        .unwrap_or_default();
    assert!(
        reason.contains("another worker has registered under the name `twin`"),
        "{reason}"
    );
    first
        .wait_for_field("task.lease_lost", "task_id", &task_id.to_string())
        .await;
    first.assert_no_panic();

    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [
        created(),
        claimed(1, "twin"),
        lost("retrying", 1, "twin"),
        claimed(2, "twin"),
        completed(2, "twin"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    app.workers.remove(0);
    app.finish().await;
}

async fn a_clock_set_back_keeps_no_dead_worker_alive(kind: QueueKind) {
    let mut app = App::builder(kind).worker(worker("dying")).start().await;
    let task_id = submit_and_claim(&app, &mock("hang")).await;
    crate::support::mocks::reorder(&app.database, task_id, "").await;
    app.workers[0].kill9().await;
    // As after a failover to a machine whose clock is an hour behind.
    let ahead = "WITH swept AS (UPDATE sweeps SET last_run_at = last_run_at + interval '1 hour',
                                                      unbroken_since = unbroken_since + interval '1 hour')
                     UPDATE workers SET last_heartbeat_at = last_heartbeat_at + interval '1 hour'";
    assert_eq!(app.database.execute(ahead, &[]).await, 1);
    app.start_worker(&worker("living")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [
        created(),
        claimed(1, "dying"),
        lost("retrying", 1, "dying"),
        claimed(2, "living"),
        completed(2, "living"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    app.workers.remove(0);
    app.finish().await;
}

async fn a_worker_that_never_reached_its_database_stops_when_told(kind: QueueKind) {
    let mut app = App::builder(kind).start().await;
    let nowhere = format!("postgresql://postgres@127.0.0.1:{}/none", free_port());
    app.spawn_worker(&worker("w1").args(&["--database-url", &nowhere]));
    app.workers[0].wait_for("worker.registration_failed").await;
    assert!(app.workers[0].terminate().await.success());
    app.workers.clear();
    app.finish().await;
}

async fn a_task_that_has_cost_every_attempt_a_worker_fails_as_worker_lost(kind: QueueKind) {
    let mut app = App::builder(kind).worker(worker("first")).start().await;
    let task_id = submit_and_claim(&app, &mock_with("hang", &json!({"max_attempts": 2}))).await;
    app.workers[0].kill9().await;
    app.start_worker(&worker("second")).await;
    app.workers[1]
        .wait_for_field("task.claimed", "task_id", &task_id.to_string())
        .await;
    app.workers[1].kill9().await;

    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(
        (&task["status"], &task["error_code"]),
        (&json!("failed"), &json!("worker_lost"))
    );
    assert_eq!(
        task["error_message"],
        "worker second was lost during attempt 2"
    );
    let history = [
        created(),
        claimed(1, "first"),
        lost("retrying", 1, "first"),
        claimed(2, "second"),
        lost("failed", 2, "second"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    // The broker gave the dead worker's message back; whoever comes next takes it for nothing.
    app.workers.clear();
    app.start_worker(&worker("third")).await;
    app.finish().await;
}
