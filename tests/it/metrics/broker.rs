//! A broker that blocks, disappears or loses messages shows in the metrics.

use super::scrape::{assert_value, of_api, value, wait_for};
use crate::support::app::Worker;
use crate::support::mocks::mock;
use crate::support::wait::free_port;
use crate::support::{App, PrivateRabbit, QueueKind, TestQueue};

fn link(name: &str, link: &str) -> String {
    format!("qtask_broker_{name}{{link=\"{link}\"}}")
}

fn messages(outcome: &str) -> String {
    format!("qtask_broker_messages_total{{outcome=\"{outcome}\"}}")
}

#[tokio::test]
async fn a_broker_that_blocks_or_dies_shows_in_the_metrics_of_both_roles() {
    let mut node = PrivateRabbit::start().await;
    let port = free_port().to_string();
    let worker = Worker::new("w", "mock").args(&["--health-port", &port]);
    let app = App::builder(QueueKind::Amqp)
        .queue(TestQueue::create_on(&node.url()))
        .env("RABBITMQ_TIMEOUT", "3s")
        .worker(worker)
        .start()
        .await;
    let (api, work) = (
        app.url(0, "/metrics"),
        format!("http://127.0.0.1:{port}/metrics"),
    );
    let task_id = app.submit(&mock("")).await;
    app.wait_status(task_id, "completed").await;
    let scraped = wait_for(&work, &link("connected", "consumer"), 1.0).await;
    assert_value(&scraped, &link("disconnects_total", "consumer"), 0.0);
    let scraped = of_api(&app).await;
    assert_value(&scraped, &messages("confirmed"), 1.0);
    assert_value(&scraped, &link("connected", "publisher"), 1.0);
    assert_value(&scraped, "qtask_broker_blocked", 0.0);

    node.ctl(&["set_vm_memory_high_watermark", "0"]).await;
    app.post("/tasks", &mock("")).await.expect(503);
    let scraped = wait_for(&api, "qtask_broker_blocked", 1.0).await;
    assert!(value(&scraped, "qtask_broker_unconfirmed_messages") >= 1.0);
    assert_value(&scraped, "qtask_queue_link_up", 0.0);
    let lost = value(&scraped, &messages("unconfirmed")) + value(&scraped, &messages("unsent"));
    assert!(lost >= 1.0, "{lost}");

    node.kill9().await;
    let scraped = wait_for(&api, &link("disconnects_total", "publisher"), 1.0).await;
    assert_value(&scraped, &link("connected", "publisher"), 0.0);
    let scraped = wait_for(&work, &link("disconnects_total", "consumer"), 1.0).await;
    assert_value(&scraped, &link("connected", "consumer"), 0.0);
    app.abandon_work();
}

#[tokio::test]
async fn messages_that_are_returned_or_lost_are_counted() {
    let app = App::builder(QueueKind::Amqp).start().await;
    let queue = app.queue.as_ref().expect("a queue");
    let first = app.submit(&mock("")).await;
    queue.delete("mock").await;
    // The queue is declared again for the second message; the sweep replaces the first.
    let second = app.submit(&mock("")).await;
    let returned = "qtask_broker_messages_returned_total";
    let scraped = wait_for(&app.url(0, "/metrics"), returned, 1.0).await;
    assert_value(&scraped, &messages("unroutable"), 0.0);
    let missing = "qtask_broker_messages_republished_total{reason=\"missing\"}";
    wait_for(&app.url(0, "/metrics"), missing, 1.0).await;
    for task_id in [first, second] {
        app.cancel(task_id).await.expect(200);
    }
    // Their messages stay in the queue: no worker acks them.
    app.abandon_work();
}
