//! Numbers for Prometheus: what happens is counted, by names that do not grow without bound.

mod alerts;
mod broker;
mod documented;
mod fences;
mod limits;
mod observability;
pub mod scrape;

use serde_json::json;

use crate::support::app::Worker;
use crate::support::mocks::{mock, mock_with};
use crate::support::wait::{DEADLINE, eventually, free_port};
use crate::support::{App, QueueKind, on_both_queues};
use scrape::{assert_grown, assert_value, scrape, value};

on_both_queues!(
    the_api_counts_what_it_answers_and_how_much_waits,
    a_worker_counts_what_it_does,
);

async fn the_api_counts_what_it_answers_and_how_much_waits(kind: QueueKind) {
    let app = App::builder(kind).start().await;
    let url = app.url(0, "/metrics");
    let before = scrape(&url).await;
    let ids = [app.submit(&mock("")).await, app.submit(&mock("")).await];
    app.post("/tasks", &json!({})).await.expect(422);
    app.get(&format!("/tasks/{}", ids[0])).await.expect(200);
    app.get("/no/such/path").await.expect(404);
    let both = || async {
        let now = scrape(&url).await;
        (value(&now, "qtask_tasks_waiting{backend=\"mock\"}") >= 2.0).then_some(now)
    };
    let after = eventually(DEADLINE, "two tasks that wait", both).await;
    let requests = |route: &str, method: &str, status: u16| {
        format!(
            "qtask_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"
        )
    };
    assert_grown(&before, &after, &requests("/tasks", "POST", 201), 2.0);
    assert_grown(&before, &after, &requests("/tasks", "POST", 422), 1.0);
    assert_grown(
        &before,
        &after,
        &requests("/tasks/{task_id}", "GET", 200),
        1.0,
    );
    assert_grown(&before, &after, &requests("none", "GET", 404), 1.0);
    assert_grown(
        &before,
        &after,
        "qtask_http_request_duration_seconds_count{method=\"POST\",route=\"/tasks\"}",
        3.0,
    );
    assert_grown(
        &before,
        &after,
        "qtask_tasks_submitted_total{backend=\"mock\"}",
        2.0,
    );
    assert!(
        value(
            &after,
            "qtask_database_statement_duration_seconds_count{statement=\"insert tasks\"}"
        ) >= 1.0
    );
    assert_value(&after, "qtask_database_up", 1.0);
    let link = after.get("qtask_queue_link_up").copied();
    assert_eq!(link, (kind == QueueKind::Amqp).then_some(1.0));
    assert_value(&after, "qtask_tasks_running{backend=\"mock\"}", 0.0);
    assert!(after.contains_key("qtask_tasks_waiting{backend=\"simulator\"}"));
    for id in ids {
        assert!(!after.keys().any(|series| series.contains(&id.to_string())));
    }
}

async fn a_worker_counts_what_it_does(kind: QueueKind) {
    let port = free_port().to_string();
    let worker = Worker::new("w1", "mock").args(&[
        "--health-port",
        &port,
        "--concurrency",
        "2",
        "--retry-delay",
        "10ms",
    ]);
    let app = App::builder(kind).worker(worker).start().await;
    let url = format!("http://127.0.0.1:{port}/metrics");
    let before = scrape(&url).await;
    assert_value(&before, "qtask_worker_slots", 2.0);
    assert_value(&before, "qtask_worker_lease_held", 1.0);
    assert_value(&before, "qtask_worker_consuming", 1.0);
    let done = app.submit(&mock("")).await;
    let failed = app.submit(&mock("fail")).await;
    let tried = app
        .submit(&mock_with("fail-transient", &json!({"max_attempts": 2})))
        .await;
    for id in [done, failed, tried] {
        app.wait_terminal(id, DEADLINE).await;
    }
    let running = app.submit(&mock("sleep 2s")).await;
    app.wait_status(running, "processing").await;
    let busy = || async {
        let now = scrape(&url).await;
        (value(&now, "qtask_worker_tasks_running") >= 1.0).then_some(now)
    };
    let after = eventually(DEADLINE, "a task that runs", busy).await;
    let durations = |what: &str, outcome: &str| {
        format!("qtask_task_{what}_seconds_count{{backend=\"mock\",outcome=\"{outcome}\"}}")
    };
    for (name, times) in [
        (
            "qtask_task_queue_wait_seconds_count{backend=\"mock\"}".to_owned(),
            5.0,
        ),
        (durations("execution", "completed"), 1.0),
        (durations("execution", "failed"), 2.0),
        (durations("execution", "retried"), 1.0),
        (durations("duration", "completed"), 1.0),
        (durations("duration", "failed"), 2.0),
        (durations("duration", "retried"), 0.0),
    ] {
        assert_grown(&before, &after, &name, times);
    }
    let tasks = |what: &str| format!("qtask_tasks_{what}_total{{backend=\"mock\"}}");
    assert_grown(&before, &after, &tasks("claimed"), 5.0);
    assert_grown(&before, &after, &tasks("completed"), 1.0);
    assert_grown(&before, &after, &tasks("failed"), 2.0);
    assert_grown(&before, &after, &tasks("retried"), 1.0);
    assert_value(&after, "qtask_worker_heartbeat_failures_total", 0.0);
    app.wait_terminal(running, DEADLINE).await;
    let idle =
        || async { (value(&scrape(&url).await, "qtask_worker_tasks_running") < 1.0).then_some(()) };
    eventually(DEADLINE, "no task runs", idle).await;
    app.finish().await;
}

#[tokio::test]
async fn metrics_are_there_while_the_database_is_away() {
    let app = App::builder(QueueKind::Postgres)
        .env(
            "DATABASE_URL",
            &format!("postgresql://nobody@127.0.0.1:{}/none", free_port()),
        )
        .start_unready()
        .await;
    let scraped = scrape(&app.url(0, "/metrics")).await;
    assert_value(&scraped, "qtask_database_up", 0.0);
    assert!(
        !scraped
            .keys()
            .any(|series| series.starts_with("qtask_tasks_waiting"))
    );
}
