//! Lost messages and lost brokers: PostgreSQL knows the tasks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::app_builder::AppBuilder;
use crate::support::client::send;
use crate::support::mocks::{claimed, completed, created, mock, wait_all_completed_at_once};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, PrivateRabbit, QueueKind, TestQueue};

const TASKS: i64 = 500;

fn queue(app: &App) -> &TestQueue {
    app.queue.as_ref().expect("a queue")
}

fn busy(name: &str) -> Worker {
    Worker::new(name, "mock").args(&["--concurrency", "8"])
}

async fn submit_all(app: &App) {
    let task = mock("sleep 5ms");
    for _ in 0..TASKS / 100 {
        join_all((0..100).map(|_| app.submit(&task))).await;
    }
}

#[tokio::test]
async fn tasks_whose_queue_was_purged_are_all_completed() {
    let mut app = App::builder(QueueKind::Amqp).start().await;
    submit_all(&app).await;
    queue(&app).purge("mock").await;
    app.start_worker(&busy("w1")).await;
    wait_all_completed_at_once(&app.database, TASKS).await;
    app.finish().await;
}

#[tokio::test]
async fn tasks_whose_queue_was_deleted_under_its_consumer_are_all_completed() {
    let app = App::builder(QueueKind::Amqp)
        .worker(busy("w1"))
        .start()
        .await;
    let half_way = async {
        let some = || async { (app.database.tasks_in("completed").await > 50).then_some(()) };
        eventually(DEADLINE, "some completed tasks", some).await;
        queue(&app).delete("mock").await;
    };
    // The last submissions come when the queue is gone, or on its way back.
    tokio::join!(submit_all(&app), half_way);
    wait_all_completed_at_once(&app.database, TASKS).await;
    app.finish().await;
}

#[tokio::test]
async fn a_task_whose_api_died_between_commit_and_publish_is_run() {
    let mut app = App::builder(QueueKind::Amqp).start().await;
    let task_id = Uuid::now_v7();
    // What such an API leaves: the row says that it was sent, and no message was.
    let stored = "WITH task AS (
            INSERT INTO tasks (task_id, backend, circuit, shots, timeout_seconds, max_attempts, correlation_id, available_at, dispatched_at)
            VALUES ($1, 'mock', 'OPENQASM 3;', 1000, 60, 3, 'c', clock_timestamp(), clock_timestamp()) RETURNING task_id, submitted_at)
        INSERT INTO status_history (task_id, status, transitioned_at, attempt, notes)
        SELECT task_id, 'pending', submitted_at, 0, 'Task created' FROM task";
    assert_eq!(app.database.execute(stored, &[&task_id]).await, 1);
    app.start_worker(&Worker::new("w1", "mock")).await;
    assert_eq!(
        app.wait_terminal(task_id, DEADLINE).await["status"],
        "completed"
    );
    let history = [created(), claimed(1, "w1"), completed(1, "w1")];
    assert_eq!(app.database.history(task_id).await, history);
    app.finish().await;
}

/// What a broker can suffer.
#[derive(Clone, Copy)]
enum Blow {
    Killed,
    Stopped,
    DiskLost,
}

/// Strikes a broker while tasks are submitted and run; all accepted ones are completed at their first attempt, for no worker died.
async fn strike(blow: Blow) {
    let mut node = PrivateRabbit::start().await;
    let queues = TestQueue::create_on(&node.url());
    strike_under(App::builder(QueueKind::Amqp).queue(queues), &mut node, blow).await;
}

/// The same for the app of this builder and its broker.
async fn strike_under(builder: AppBuilder, node: &mut PrivateRabbit, blow: Blow) {
    let app = builder.worker(busy("w1")).worker(busy("w2")).start().await;
    let over = AtomicBool::new(false);
    let load = join_all((0..8).map(|_| submit_until(&app, &over)));
    let striking = async {
        completed_more_than(&app, 100).await;
        match blow {
            Blow::Killed => node.kill9().await,
            Blow::Stopped => node.stop().await,
            Blow::DiskLost => node.lose_disk().await,
        }
        node.restart().await;
        let before = app.database.tasks_in("completed").await;
        completed_more_than(&app, before + 100).await;
        over.store(true, Ordering::Relaxed);
    };
    let (accepted, ()) = tokio::join!(load, striking);
    let accepted: Vec<Uuid> = accepted.into_iter().flatten().collect();
    let known = "SELECT count(*) FROM tasks WHERE task_id = ANY($1)";
    let tasks = app.database.count("SELECT count(*) FROM tasks", &[]).await;
    // Not one more than was accepted: what was answered with 503 is not there.
    assert_eq!(app.database.count(known, &[&accepted]).await, tasks);
    assert_eq!(i64::try_from(accepted.len()), Ok(tasks));
    wait_all_completed_at_once(&app.database, tasks).await;
    app.finish().await;
}

/// Submits one task after the other; what is answered with 503 is submitted again a little later.
async fn submit_until(app: &App, over: &AtomicBool) -> Vec<Uuid> {
    let mut accepted = Vec::new();
    let task = mock("sleep 20ms");
    while !over.load(Ordering::Relaxed) {
        let request = app.request(reqwest::Method::POST, "/tasks").json(&task);
        let reply = send(request)
            .await
            .expect("an answer, whatever the broker does");
        match reply.status.as_u16() {
            201 => accepted
                .push(serde_json::from_value(reply.body["task_id"].clone()).expect("a task_id")),
            503 => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{other}: {}", reply.body),
        }
    }
    accepted
}

async fn completed_more_than(app: &App, tasks: i64) {
    let what = format!("more than {tasks} completed tasks");
    let enough = || async { (app.database.tasks_in("completed").await > tasks).then_some(()) };
    eventually(DEADLINE * 2, &what, enough).await;
}

/// Named for the group of tests in `.config/nextest.toml` that start services of their own.
mod faults {
    use super::{App, Blow, QueueKind, TestQueue, strike, strike_under};
    use crate::support::rabbit_tls::{ClientCertificates, TlsRabbit};

    #[tokio::test]
    async fn a_broker_with_tls_killed_under_load_loses_no_task_and_repeats_none() {
        let mut rabbit = TlsRabbit::start(ClientCertificates::Ignored).await;
        let file = rabbit.authority.file();
        let builder = App::builder(QueueKind::Amqp)
            .queue(TestQueue::create_on(&rabbit.node.url()))
            .env("RABBITMQ_URL", &rabbit.url("localhost", ""))
            .env("QTASK_CA_FILE", file.to_str().expect("a path"));
        strike_under(builder, &mut rabbit.node, Blow::Killed).await;
    }

    #[tokio::test]
    async fn a_broker_killed_under_load_loses_no_task_and_repeats_none() {
        strike(Blow::Killed).await;
    }

    #[tokio::test]
    async fn a_broker_restarted_under_load_loses_no_task_and_repeats_none() {
        strike(Blow::Stopped).await;
    }

    #[tokio::test]
    async fn a_broker_whose_disk_is_lost_under_load_loses_no_task_and_repeats_none() {
        strike(Blow::DiskLost).await;
    }
}
