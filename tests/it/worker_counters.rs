//! How many tasks a worker has ended, as the registry counts them.

use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::mocks::mock;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

async fn counters(app: &App) -> (Uuid, i64, i64) {
    let query =
        "SELECT session_id, tasks_completed, tasks_failed FROM workers WHERE worker_id = 'w'";
    let row = app.database.connect().await.query_one(query, &[]).await;
    let row = row.expect("the worker");
    (row.get(0), row.get(1), row.get(2))
}

async fn run_all(app: &App, orders: &[&str]) {
    for order in orders {
        let task_id = app.submit(&mock(order)).await;
        app.wait_terminal(task_id, DEADLINE).await;
    }
}

on_both_queues!(
    a_worker_that_stops_has_counted_its_last_tasks,
    counters_go_on_where_a_process_registers_again,
);

async fn a_worker_that_stops_has_counted_its_last_tasks(kind: QueueKind) {
    let mut app = App::builder(kind)
        // No heartbeat comes between the last task and the end.
        .env("QTASK_HEARTBEAT_INTERVAL", "5m")
        .env("QTASK_LEASE_DURATION", "1h")
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    run_all(&app, &["", "", "fail", ""]).await;
    assert!(app.workers[0].terminate().await.success());
    let (_, completed, failed) = counters(&app).await;
    assert_eq!((completed, failed), (3, 1));
}

async fn counters_go_on_where_a_process_registers_again(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    run_all(&app, &["", "fail"]).await;
    let (session, ..) = counters(&app).await;
    let end = "UPDATE workers SET ended_at = clock_timestamp() WHERE worker_id = 'w'";
    app.database.execute(end, &[]).await;
    let again = || async {
        let counters = counters(&app).await;
        (counters.0 != session).then_some(counters)
    };
    let (_, completed, failed) = eventually(DEADLINE, "another session", again).await;
    assert_eq!((completed, failed), (1, 1), "from its first moment on");
    run_all(&app, &[""]).await;
    let counted = || async { (counters(&app).await.1 == 2).then_some(()) };
    eventually(DEADLINE, "a count of two", counted).await;
    app.finish().await;
}

#[tokio::test]
async fn counters_of_a_new_process_begin_at_zero() {
    let mut app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    run_all(&app, &[""]).await;
    assert!(app.workers[0].terminate().await.success());
    assert_eq!(counters(&app).await.1, 1);
    app.start_worker(&Worker::new("w", "mock")).await;
    let (_, completed, failed) = counters(&app).await;
    assert_eq!((completed, failed), (0, 0));
}
