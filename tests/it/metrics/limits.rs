//! What reaches a limit or is refused is counted.

use reqwest::Method;
use serde_json::json;

use super::scrape::{assert_value, of_api, scrape, value, wait_for};
use crate::support::client::send;
use crate::support::crowd::{api, connect, crowd};
use crate::support::mocks::{mock, mock_with};
use crate::support::raw_http::{self, answer, ask, get};
use crate::support::{App, QueueKind, Receiver};

const IN_PROGRESS: &str = "qtask_http_requests_in_progress{kind=\"waiting\"}";

#[tokio::test]
async fn connections_and_requests_are_counted_with_their_limits() {
    let app = api(&[
        ("QTASK_MAX_CONNECTIONS", "20"),
        ("QTASK_MAX_CONNECTIONS_PER_ADDRESS", "1"),
        ("QTASK_MAX_WAITING_REQUESTS", "1"),
        ("QTASK_MAX_REQUESTS", "7"),
    ])
    .await;
    let url = app.url(0, "/metrics");
    let task_id = app.submit(&mock("")).await;
    let mut follower = connect(&app, 10).await;
    ask(&mut follower, &format!("/tasks/{task_id}/events"))
        .await
        .expect("a request");
    raw_http::head(&mut follower).await.expect("a head");
    let refused = app.get(&format!("/tasks/{task_id}?wait=5")).await;
    assert_eq!(refused.expect_problem(503), "too_many_requests");
    // Its only connection has a request in progress.
    let mut second = connect(&app, 10).await;
    assert_eq!(
        answer(&mut second).await.expect("a refusal").code(),
        "too_many_connections"
    );
    // Of those that idle, some are closed for others.
    let _pair = crowd(&app, 20, "").await;
    let closed = "qtask_http_connections_closed_total{cause=\"made_room\"}";
    let scraped = wait_for(&url, closed, 1.0).await;
    for (series, expected) in [
        (IN_PROGRESS, 1.0),
        ("qtask_http_requests_in_progress{kind=\"working\"}", 0.0),
        ("qtask_http_max_requests_in_progress{kind=\"waiting\"}", 1.0),
        ("qtask_http_max_requests_in_progress{kind=\"working\"}", 7.0),
        ("qtask_http_max_connections", 20.0),
        ("qtask_http_problems_total{code=\"too_many_requests\"}", 1.0),
        (
            "qtask_http_connections_refused_total{limit=\"address\"}",
            1.0,
        ),
        ("qtask_http_connections_refused_total{limit=\"all\"}", 0.0),
    ] {
        assert_value(&scraped, series, expected);
    }
    assert!(value(&scraped, "qtask_http_connections") >= 2.0);
    app.cancel(task_id).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_counted_when_its_connection_is_closed() {
    let app = api(&[("QTASK_HTTP_IDLE_TIMEOUT", "1s")]).await;
    let mut quiet = connect(&app, 10).await;
    get(&mut quiet, "/livez").await.expect("an answer");
    let closed = "qtask_http_connections_closed_total{cause=\"timeout\"}";
    wait_for(&app.url(0, "/metrics"), closed, 1.0).await;
    app.finish().await;
}

#[tokio::test]
async fn the_use_of_a_pool_and_the_errors_of_statements_are_counted() {
    let app = api(&[("DATABASE_POOL_SIZE", "1"), ("DATABASE_TIMEOUT", "8s")]).await;
    let holder = app.database.connect().await;
    holder
        .batch_execute("BEGIN; LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    let read = || tokio::spawn(send(app.request(Method::GET, "/tasks")));
    let (first, second) = (read(), read());
    let scraped = wait_for(
        &app.url(0, "/metrics"),
        "qtask_database_pool_waiting{pool=\"read\"}",
        1.0,
    )
    .await;
    let of_reads = |name: &str| format!("qtask_database_pool_{name}{{pool=\"read\"}}");
    for name in ["max_connections", "connections", "in_use"] {
        assert_value(&scraped, &of_reads(name), 1.0);
    }
    for reading in [first, second] {
        let reply = reading.await.expect("no panic").expect("an answer");
        assert_eq!(reply.status, 503, "{}", reply.body);
    }
    holder.batch_execute("COMMIT").await.expect("no lock");
    let scraped = of_api(&app).await;
    let errors = ["unavailable", "too_slow", "outcome_unknown"].map(|error| {
        value(
            &scraped,
            &format!("qtask_database_errors_total{{error=\"{error}\"}}"),
        )
    });
    assert!(errors.iter().sum::<f64>() >= 2.0, "{errors:?}");
    assert!(
        value(
            &scraped,
            "qtask_database_pool_wait_seconds_count{pool=\"read\"}"
        ) >= 2.0
    );
    app.finish().await;
}

#[tokio::test]
async fn webhooks_are_counted_by_their_outcome() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_ALLOWED_HOSTS", "127.0.0.0/8")
        .env("QTASK_WEBHOOK_ATTEMPTS", "2")
        .env("QTASK_WEBHOOK_RETRY_DELAY", "10ms")
        .start()
        .await;
    let willing = Receiver::start(&["200 OK"]).await;
    let unwilling = Receiver::start(&["500 Internal Server Error"]).await;
    for receiver in [&willing, &unwilling] {
        let callback = json!({"callback_url": receiver.url("127.0.0.1", "/")});
        let task_id = app.submit(&mock_with("", &callback)).await;
        app.cancel(task_id).await.expect(200);
    }
    let outcome = |outcome: &str| format!("qtask_webhooks_total{{outcome=\"{outcome}\"}}");
    let url = app.url(0, "/metrics");
    wait_for(&url, &outcome("given_up"), 1.0).await;
    wait_for(&url, &outcome("delivered"), 1.0).await;
    assert_value(&scrape(&url).await, &outcome("failed"), 1.0);
    app.finish().await;
}
