//! Queues that exist before qtask, declared by somebody else in another way.

use amqprs::FieldValue;
use amqprs::channel::QueueDeclareArguments;
use serde_json::{Value, json};

use crate::outages::wait_health;
use crate::support::app::Worker;
use crate::support::client::send;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestQueue};

fn task() -> Value {
    json!({"backend": "mock", "circuit": "x"})
}

fn worker() -> Worker {
    Worker::new("w", "mock").args(&["--health-port", "0"])
}

/// A queue that the Python version would have declared, and one of another type.
async fn is_used_as_it_is(queue: TestQueue, setting: (&str, &str)) {
    let name = queue.of("mock");
    let app = App::builder(QueueKind::Amqp)
        .queue(queue)
        .env(setting.0, setting.1)
        .worker(worker())
        .start()
        .await;
    let health = wait_health(&app, |health| health["queue_detail"].is_string()).await;
    let detail = health["queue_detail"].as_str().expect("a detail");
    assert_eq!(
        (&health["status"], &health["queue_status"]),
        (&json!("healthy"), &json!("connected"))
    );
    assert!(
        detail.contains(&format!("'{name}'")) && detail.contains("as it is"),
        "{detail}"
    );
    for _ in 0..3 {
        let task_id = app.submit(&task()).await;
        app.wait_status(task_id, "completed").await;
    }
    app.finish().await;
}

#[tokio::test]
async fn a_durable_queue_without_priorities_is_used_as_it_is() {
    let queue = TestQueue::create();
    let connection = queue.declare("mock", |_| {}).await;
    is_used_as_it_is(queue, ("QTASK_QUEUE_TYPE", "classic")).await;
    drop(connection);
}

#[tokio::test]
async fn a_durable_queue_is_used_where_a_quorum_queue_was_wanted() {
    let queue = TestQueue::create();
    let connection = queue.declare("mock", |_| {}).await;
    is_used_as_it_is(queue, ("QTASK_QUEUE_TYPE", "quorum")).await;
    drop(connection);
}

#[tokio::test]
async fn a_quorum_queue_is_used_where_a_classic_one_was_wanted() {
    let queue = TestQueue::create();
    let quorum = |arguments: &mut QueueDeclareArguments| {
        let mut table = amqprs::FieldTable::new();
        let kind = FieldValue::S("quorum".try_into().expect("a short text"));
        table.insert("x-queue-type".try_into().expect("a name"), kind);
        arguments.arguments(table);
    };
    let connection = queue.declare("mock", quorum).await;
    is_used_as_it_is(queue, ("QTASK_QUEUE_TYPE", "classic")).await;
    drop(connection);
}

/// A queue that cannot hold tasks is named by health, answers and workers, until it is deleted.
async fn is_named_until_it_is_deleted(change: impl FnOnce(&mut QueueDeclareArguments)) {
    let queue = TestQueue::create();
    let name = queue.of("mock");
    let connection = queue.declare("mock", change).await;
    let app = App::builder(QueueKind::Amqp)
        .queue(queue)
        .worker(worker())
        .start_unready()
        .await;
    let names = |text: &Value| {
        let text = text.as_str().unwrap_or_default();
        text.contains(&format!("'{name}'")) && text.contains("delete_queue")
    };
    let degraded = wait_health(&app, |health| health["queue_detail"].is_string()).await;
    assert!(names(&degraded["queue_detail"]), "{degraded}");
    assert_eq!(
        (&degraded["status"], &degraded["queue_status"]),
        (&json!("degraded"), &json!("connected"))
    );
    let refused = app.post("/tasks", &task()).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (503, &json!("queue_unusable"))
    );
    assert!(names(&refused.body["detail"]), "{}", refused.body);
    let batch = app
        .post("/tasks/batch", &json!({"tasks": [task(), task()]}))
        .await;
    assert_eq!(batch.expect_problem(503), "queue_unusable");
    assert_eq!(app.database.tasks_in("pending").await, 0);

    let listening = app.workers[0].wait_for("worker.health_listening").await;
    let address = listening.field("address").expect("its address");
    let probe = format!("http://{}/readyz", address.replace("0.0.0.0", "127.0.0.1"));
    let client = crate::support::client::http_client();
    eventually(DEADLINE, "a worker that names the queue", || async {
        let reply = send(client.get(&probe)).await.ok()?;
        (reply.status == 503 && names(&reply.body)).then_some(())
    })
    .await;
    // The neighbours go on.
    app.submit(&json!({"backend": "simulator", "circuit": "OPENQASM 3; qubit q;"}))
        .await;

    // An exclusive queue ends with its connection.
    connection.close().await.expect("a closed connection");
    app.queue.as_ref().expect("a queue").delete("mock").await;
    wait_health(&app, |health| health["status"] == "healthy").await;
    let task_id = app.submit(&task()).await;
    app.wait_status(task_id, "completed").await;
}

#[tokio::test]
async fn a_queue_that_is_not_durable_is_named_until_it_is_deleted() {
    is_named_until_it_is_deleted(|arguments| {
        arguments.durable(false);
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_belongs_to_another_connection_is_named_until_it_is_gone() {
    is_named_until_it_is_deleted(|arguments| {
        arguments.exclusive(true);
    })
    .await;
}
