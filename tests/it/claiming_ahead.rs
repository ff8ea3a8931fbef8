//! Tasks that a worker claims before it has a slot for them.

use serde_json::{Value, json};

use crate::support::app::Worker;
use crate::support::mocks::mock;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

const SHORT: i64 = 400;

/// Waits until that many tasks are completed, each after one attempt that counts.
async fn wait_all_completed(app: &App, tasks: i64) {
    eventually(DEADLINE * 2, "all short tasks to be completed", || async {
        (app.database.tasks_in("completed").await == tasks).then_some(())
    })
    .await;
    let counted = "SELECT count(*) FROM status_history WHERE status = 'completed'";
    assert_eq!(app.database.count(counted, &[]).await, tasks);
    let repeated = "SELECT count(*) FROM tasks WHERE attempt - uncounted_attempts > 1";
    assert_eq!(app.database.count(repeated, &[]).await, 0);
}

on_both_queues!(a_long_task_keeps_none_of_the_short_ones_behind_it_from_another_worker);

async fn a_long_task_keeps_none_of_the_short_ones_behind_it_from_another_worker(kind: QueueKind) {
    let worker = |name| Worker::new(name, "mock").args(&["--concurrency", "1"]);
    let mut app = App::builder(kind).start().await;
    let short = |count: i64| {
        (0..count)
            .map(|_| mock("sleep 0ms"))
            .collect::<Vec<Value>>()
    };
    let mut tasks = short(SHORT / 2);
    tasks.push(mock("hang"));
    tasks.extend(short(SHORT / 2));
    let accepted = app.post("/tasks/batch", &json!({"tasks": tasks})).await;
    let accepted = accepted.expect(201);
    app.spawn_worker(&worker("w1"));

    eventually(DEADLINE, "the long task alone in the worker", || async {
        let alone = app.database.tasks_in("processing").await == 1;
        (alone && app.database.tasks_in("completed").await >= SHORT / 4).then_some(())
    })
    .await;
    app.start_worker(&worker("w2")).await;
    wait_all_completed(&app, SHORT).await;
    let long = usize::try_from(SHORT / 2).expect("an index");
    let long = accepted["tasks"][long]["task_id"].as_str().expect("an id");
    app.cancel(long.parse().expect("a UUID")).await.expect(200);
    eventually(DEADLINE, "the cancellation", || async {
        (app.database.tasks_in("processing").await == 0).then_some(())
    })
    .await;
    app.finish().await;
}

on_both_queues!(a_worker_that_stops_hands_back_the_tasks_that_wait_for_its_slot);

async fn a_worker_that_stops_hands_back_the_tasks_that_wait_for_its_slot(kind: QueueKind) {
    let worker = |name| Worker::new(name, "mock").args(&["--concurrency", "1"]);
    let mut app = App::builder(kind).start().await;
    let tasks: Vec<Value> = (0..1_000).map(|_| mock("sleep 0ms")).collect();
    app.post("/tasks/batch", &json!({"tasks": tasks}))
        .await
        .expect(201);
    app.spawn_worker(&worker("w1"));
    eventually(DEADLINE, "completed tasks", || async {
        (app.database.tasks_in("completed").await > 50).then_some(())
    })
    .await;
    assert!(app.workers.remove(0).terminate().await.success());
    assert_eq!(app.database.tasks_in("processing").await, 0);
    app.start_worker(&worker("w2")).await;
    wait_all_completed(&app, 1_000).await;
    app.finish().await;
}
