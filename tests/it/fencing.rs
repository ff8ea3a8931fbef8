//! One owner at a time: late writes change nothing, and owners in doubt stop by themselves.

use std::time::Duration;

use nix::unistd::Pid;
use serde_json::json;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::gate::Gate;
use crate::support::mocks::{claimed, completed, created, lost, mock, mock_with, moved, reorder};
use crate::support::sweeps::{THREE_HOURS, forty_minutes_pass, runs_on_through_sweeps, sweeps};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{
    App, PrivatePostgres, Proxy, QueueKind, TestDatabase, on_both_queues, services, signals,
};

const LIMIT: Duration = Duration::from_secs(30);

async fn submit_and_claim(app: &App, order: &str) -> Uuid {
    let task_id = app.submit(&mock(order)).await;
    let worker = app.workers.last().expect("a worker");
    worker
        .wait_for_field("task.claimed", "task_id", &task_id.to_string())
        .await;
    task_id
}

/// A worker that reaches PostgreSQL through a proxy, while everybody else goes straight there.
async fn start_behind_proxy(app: &mut App, name: &str) -> Proxy {
    let proxy = Proxy::start(services::database_url().port().unwrap_or(5432)).await;
    let url = app.database.url_through(proxy.port());
    app.start_worker(&Worker::new(name, "mock").args(&["--database-url", url.as_str()]))
        .await;
    proxy
}

on_both_queues!(
    the_late_write_of_a_frozen_worker_changes_nothing,
    a_worker_that_was_told_to_drain_and_lost_its_session_still_takes_none_until_it_is_restarted,
    a_worker_cut_off_from_its_database_stops_before_others_take_its_task,
    a_task_of_a_live_worker_is_never_taken_however_long_it_runs,
    a_claim_whose_answer_was_lost_does_not_hold_the_task,
    an_outcome_whose_answer_was_lost_is_written_once,
    an_outcome_that_did_not_reach_the_database_is_written_when_it_is_back,
    an_outcome_held_up_by_an_outage_does_not_count_as_overdue,
    a_task_claimed_while_the_lease_came_into_doubt_is_not_run,
);

async fn the_late_write_of_a_frozen_worker_changes_nothing(kind: QueueKind) {
    let mut app = App::builder(kind)
        .worker(Worker::new("frozen", "mock"))
        .start()
        .await;
    let task_id = submit_and_claim(&app, "sleep 400ms").await;
    app.workers[0].pause().await;
    app.start_worker(&Worker::new("other", "mock")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let row = app.database.task(task_id).await;
    let history = [
        created(),
        claimed(1, "frozen"),
        lost("retrying", 1, "frozen"),
        claimed(2, "other"),
        completed(2, "other"),
    ];
    assert_eq!(app.database.history(task_id).await, history);

    // Its task is done by its own clock, and it tries to say so.
    let mark = app.workers[0].events().len();
    app.workers[0].resume();
    app.workers[0]
        .wait_for_field("task.lease_lost", "task_id", &task_id.to_string())
        .await;
    app.workers[0]
        .wait_after(mark, "a new session", |event| event.is("worker.registered"))
        .await;
    assert_eq!(app.database.task(task_id).await, row);
    assert_eq!(app.database.history(task_id).await, history);

    // It is of use again.
    assert!(app.workers[1].terminate().await.success());
    app.workers.remove(1);
    let next = submit_and_claim(&app, "").await;
    assert_eq!(app.wait_terminal(next, LIMIT).await["status"], "completed");
    assert_eq!(
        app.database.history(next).await,
        [created(), claimed(1, "frozen"), completed(1, "frozen")]
    );
    app.finish().await;
}

async fn a_worker_that_was_told_to_drain_and_lost_its_session_still_takes_none_until_it_is_restarted(
    kind: QueueKind,
) {
    let mut app = App::builder(kind)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    app.workers[0].pause().await;
    app.post("/workers/w/drain", &json!({})).await.expect(200);
    let ended = "SELECT count(*) FROM workers WHERE ended_at IS NOT NULL";
    let reaped = || async { (app.database.count(ended, &[]).await == 1).then_some(()) };
    eventually(
        DEADLINE,
        "the session of the frozen worker has ended",
        reaped,
    )
    .await;
    let waiting = app.submit(&mock("")).await;
    let mark = app.workers[0].events().len();
    app.workers[0].resume();
    let anew =
        app.workers[0].wait_after(mark, "a new session", |event| event.is("worker.registered"));
    assert_eq!(anew.await.field("draining").as_deref(), Some("true"));
    let told = || async {
        let view = app.get("/workers/w").await.body;
        view["not_ready_reason"]
            .as_str()
            .is_some_and(|text| text.starts_with("draining"))
            .then_some(view)
    };
    let view = eventually(DEADLINE, "a heartbeat of the worker that drains", told).await;
    assert_eq!(view["draining"], true);
    assert_eq!(app.task(waiting).await["status"], "pending");

    app.workers[0].kill9().await;
    app.workers.remove(0);
    app.start_worker(&Worker::new("w", "mock")).await;
    assert_eq!(app.wait_terminal(waiting, LIMIT).await["attempt"], 1);
    assert_eq!(app.get("/workers/w").await.expect(200)["draining"], false);
    app.finish().await;
}

async fn a_worker_cut_off_from_its_database_stops_before_others_take_its_task(kind: QueueKind) {
    let mut app = App::builder(kind).start().await;
    let proxy = start_behind_proxy(&mut app, "cut").await;
    let task_id = submit_and_claim(&app, "hang").await;
    reorder(&app.database, task_id, "").await;
    app.start_worker(&Worker::new("other", "mock")).await;
    proxy.freeze();
    let doubt = "worker.lease_lost";
    let stopped = app.workers[0].wait_for(doubt).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [
        created(),
        claimed(1, "cut"),
        lost("retrying", 1, "cut"),
        claimed(2, "other"),
        completed(2, "other"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    let before = "SELECT count(*) FROM status_history WHERE task_id = $1 AND attempt = 2 AND status = 'processing' \
                  AND transitioned_at > $2::text::timestamptz";
    let stopped_at = stopped.line["timestamp"].as_str().expect("a time");
    assert_eq!(
        app.database.count(before, &[&task_id, &stopped_at]).await,
        1,
        "{stopped_at}"
    );

    let row = app.database.task(task_id).await;
    let mark = app.workers[0].events().len();
    proxy.resume();
    app.workers[0]
        .wait_for_field("task.lease_lost", "task_id", &task_id.to_string())
        .await;
    app.workers[0]
        .wait_after(mark, "a new session", |event| event.is("worker.registered"))
        .await;
    assert!(app.workers[1].terminate().await.success());
    app.workers.remove(1);
    let next = submit_and_claim(&app, "").await;
    assert_eq!(app.wait_terminal(next, LIMIT).await["status"], "completed");
    assert_eq!(
        (
            app.database.task(task_id).await,
            app.database.history(task_id).await
        ),
        (row, history.to_vec())
    );
    app.finish().await;
}

async fn a_task_of_a_live_worker_is_never_taken_however_long_it_runs(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w1", "mock"))
        .worker(Worker::new("w2", "mock"))
        .start()
        .await;
    // More than three leases.
    let task = mock_with("sleep 7s", &json!({"timeout_seconds": THREE_HOURS}));
    let task_id = app.submit(&task).await;
    app.wait_status(task_id, "processing").await;
    let began = forty_minutes_pass(&app.database, task_id).await;
    runs_on_through_sweeps(&app.database, task_id, 5).await;
    let done = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(
        (&done["status"], &done["attempt"]),
        (&json!("completed"), &json!(1))
    );
    assert_eq!(app.database.task(task_id).await["started_at"], began);
    let history = app.database.history(task_id).await;
    let owner = history
        .last()
        .and_then(|row| row.worker_id.clone())
        .expect("an owner");
    assert_eq!(
        history,
        [created(), claimed(1, &owner), completed(1, &owner)]
    );
    app.finish().await;
}

async fn a_claim_whose_answer_was_lost_does_not_hold_the_task(kind: QueueKind) {
    // A long lease, so that nothing but the worker itself can free the task in time.
    let mut app = App::builder(kind)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let proxy = start_behind_proxy(&mut app, "w1").await;
    let gate = Gate::closed(&app.database, "processing").await;
    let task_id = app.submit(&mock("")).await;
    gate.wait_for_a_comer().await;
    proxy.cut();
    gate.open().await;
    app.wait_status(task_id, "processing").await;
    proxy.resume();
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [
        created(),
        claimed(1, "w1"),
        moved(
            "retrying",
            1,
            "w1",
            "Handed back: the answer to the claim was lost",
        ),
        claimed(2, "w1"),
        completed(2, "w1"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    assert_eq!(app.database.task(task_id).await["uncounted_attempts"], 1);
    app.finish().await;
}

async fn an_outcome_whose_answer_was_lost_is_written_once(kind: QueueKind) {
    let mut app = App::builder(kind)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let proxy = start_behind_proxy(&mut app, "w1").await;
    let gate = Gate::closed(&app.database, "completed").await;
    let task_id = submit_and_claim(&app, "").await;
    gate.wait_for_a_comer().await;
    proxy.cut();
    gate.open().await;
    app.wait_terminal(task_id, LIMIT).await;
    let row = app.database.task(task_id).await;
    let again = "task.outcome_delayed";
    app.workers[0]
        .wait_for_field(again, "task_id", &task_id.to_string())
        .await;
    proxy.resume();
    // To the worker it is a success, and no lost lease.
    app.workers[0]
        .wait_for_field("task.completed", "task_id", &task_id.to_string())
        .await;
    assert_eq!(
        app.workers[0]
            .events()
            .all(|event| event.is("task.lease_lost"))
            .len(),
        0
    );
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w1"), completed(1, "w1")]
    );
    assert_eq!(app.database.task(task_id).await, row);
    app.finish().await;
}

async fn an_outcome_that_did_not_reach_the_database_is_written_when_it_is_back(kind: QueueKind) {
    let mut app = App::builder(kind)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let proxy = start_behind_proxy(&mut app, "w1").await;
    let task_id = submit_and_claim(&app, "sleep 300ms").await;
    proxy.cut();
    let again = "task.outcome_delayed";
    app.workers[0]
        .wait_for_field(again, "task_id", &task_id.to_string())
        .await;
    assert_eq!(
        app.database.task(task_id).await["current_status"],
        "processing"
    );
    proxy.resume();
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w1"), completed(1, "w1")]
    );
    app.finish().await;
}

async fn an_outcome_held_up_by_an_outage_does_not_count_as_overdue(kind: QueueKind) {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(services::database_url().port().unwrap_or(5432)).await;
    let everybody = database.url_through(proxy.port());
    let builder = App::builder(kind)
        .database(database)
        .database_url(&everybody);
    let app = builder
        .env("QTASK_LEASE_DURATION", "1h")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let task_id = submit_and_claim(&app, "sleep 300ms").await;
    proxy.cut();
    let kept = "task.outcome_delayed";
    app.workers[0]
        .wait_for_field(kept, "task_id", &task_id.to_string())
        .await;
    // The outage lasted for an hour, in which nobody swept.
    let hour = "WITH swept AS (UPDATE sweeps SET last_run_at = last_run_at - interval '1 hour',
                                                     unbroken_since = unbroken_since - interval '1 hour')
                    UPDATE tasks SET started_at = started_at - interval '1 hour' WHERE task_id = $1";
    assert_eq!(app.database.execute(hour, &[&task_id]).await, 1);
    // A sweep comes back first, and must give the worker time to say what it knows.
    let swept = "SELECT count(*) FROM sweeps WHERE duty = 'reap' AND last_run_at > clock_timestamp() - interval '1 minute'";
    let sweeper = App::builder(QueueKind::Postgres).database_url(&app.database.url());
    let sweeper = sweeper.start().await;
    let mark = || async { (app.database.count(swept, &[]).await == 1).then_some(()) };
    eventually(DEADLINE, "a sweep", mark).await;
    let passes = sweeps(&app.database, 3).await;
    assert_eq!(
        app.database.task(task_id).await["current_status"],
        "processing",
        "{passes} sweeps"
    );
    proxy.resume();
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w1"), completed(1, "w1")]
    );
    drop(sweeper);
    app.finish().await;
}

async fn a_task_claimed_while_the_lease_came_into_doubt_is_not_run(kind: QueueKind) {
    let app = App::builder(kind)
        .env("DATABASE_TIMEOUT", "25s")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let gate = Gate::closed(&app.database, "processing").await;
    let task_id = app.submit(&mock("hang")).await;
    gate.wait_for_a_comer().await;
    // Nobody can renew the lease, or find that it ran out.
    let mut connection = app.database.connect().await;
    let lock = connection.transaction().await.expect("a transaction");
    lock.execute("SELECT FROM workers FOR UPDATE", &[])
        .await
        .expect("locked workers");
    let doubt = "worker.lease_lost";
    app.workers[0].wait_for(doubt).await;
    gate.open().await;
    // Granted only now, to a worker that has stopped everything else. By its own words it must not run.
    let handed_back = "task.handed_back";
    app.workers[0]
        .wait_for_field(handed_back, "task_id", &task_id.to_string())
        .await;
    let row = app.database.task(task_id).await;
    assert_eq!(
        (&row["current_status"], &row["uncounted_attempts"]),
        (&json!("retrying"), &json!(1))
    );

    reorder(&app.database, task_id, "").await;
    lock.rollback().await.expect("unlocked workers");
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    let history = [
        created(),
        claimed(1, "w1"),
        moved(
            "retrying",
            1,
            "w1",
            "Handed back: the worker could not renew its lease",
        ),
        claimed(2, "w1"),
        completed(2, "w1"),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    app.finish().await;
}

/// Named for the group of tests in `.config/nextest.toml` that start services of their own.
mod faults {
    use super::*;

    #[tokio::test]
    async fn a_worker_whose_connections_hang_renews_its_lease_over_new_ones() {
        let node = PrivatePostgres::start().await;
        let database = TestDatabase::create_on(&node.url()).await;
        let builder = App::builder(QueueKind::Postgres).database(database);
        let builder = builder
            .env("QTASK_LEASE_DURATION", "12s")
            .env("QTASK_HEARTBEAT_INTERVAL", "3s");
        let mut app = builder.start().await;
        let url = format!("{}?application_name=hanging", app.database.url());
        app.start_worker(&Worker::new("w1", "mock").args(&["--database-url", &url]))
            .await;
        let task_id = submit_and_claim(&app, "hang").await;

        // Open and silent, as after a failover that told nobody; new connections are served.
        let hanging = backends(&app.database, "hanging").await;
        signals::pause(&hanging).await;
        let renewed = "SELECT count(*) FROM workers WHERE worker_id = 'w1' AND ended_at IS NULL \
                       AND last_heartbeat_at > $1::text::timestamptz ";
        // None of the old ones can carry it.
        let since = now(&app.database).await;
        let alive = || async { (app.database.count(renewed, &[&since]).await == 1).then_some(()) };
        eventually(LIMIT, "a renewed lease", alive).await;
        let events = app.workers[0].events();
        assert_eq!(events.all(|event| event.is("worker.lease_lost")).len(), 0);
        signals::resume(&hanging);
        assert_eq!(
            app.database.history(task_id).await,
            [created(), claimed(1, "w1")]
        );

        reorder(&app.database, task_id, "").await;
        app.workers[0].kill9().await;
        let again = Worker::new("w1", "mock").args(&["--replace"]);
        app.start_worker(&again).await;
        app.wait_status(task_id, "completed").await;
        app.workers.remove(0);
        app.finish().await;
    }

    async fn backends(database: &TestDatabase, application: &str) -> Vec<Pid> {
        let query = "SELECT pid FROM pg_stat_activity WHERE application_name = $1";
        let rows = database
            .connect()
            .await
            .query(query, &[&application])
            .await
            .expect("pg_stat_activity");
        rows.iter().map(|row| Pid::from_raw(row.get(0))).collect()
    }

    async fn now(database: &TestDatabase) -> String {
        let row = database
            .connect()
            .await
            .query_one("SELECT clock_timestamp()::text", &[])
            .await;
        row.expect("the time").get(0)
    }
}
