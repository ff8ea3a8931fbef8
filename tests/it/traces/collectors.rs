//! Collectors that do not take spans, and how they are reached.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{builder, exporting};
use crate::support::app::Worker;
use crate::support::app_builder::AppBuilder;
use crate::support::certificates::Authority;
use crate::support::collector::Collector;
use crate::support::mocks::mock;
use crate::support::process::run;
use crate::support::wait::free_port;
use crate::support::{App, QueueKind};

/// Longer than the last spans may delay the end of a process, and shorter than the timeout of the export.
const FLUSHED: Duration = Duration::from_secs(20);

async fn start(builder: AppBuilder) -> App {
    builder
        .env("OTEL_BSP_SCHEDULE_DELAY", "20")
        .env("OTEL_BSP_MAX_QUEUE_SIZE", "4")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await
}

/// Tasks run as if there were no collector, and the processes end without waiting for it.
async fn assert_harmless(mut app: App, reason: &str) {
    for _ in 0..5 {
        let task_id = app.submit(&mock("")).await;
        app.wait_status(task_id, "completed").await;
    }
    app.assert_nothing_left_behind().await;
    for process in app.workers.iter_mut().chain(&mut app.apis) {
        let began = Instant::now();
        assert!(process.terminate().await.success());
        assert!(began.elapsed() < FLUSHED, "{:?}", began.elapsed());
    }
    let warnings = app.apis[0]
        .events()
        .all(|event| event.is("traces.spans_dropped"));
    // One at the first loss, and one for the rest at the end.
    assert!((1..=2).contains(&warnings.len()), "{warnings:#?}");
    assert!(
        warnings.iter().any(|warning| warning
            .field("reason")
            .is_some_and(|it| it.contains(reason))),
        "{warnings:#?}"
    );
}

#[tokio::test]
async fn a_collector_that_is_down_costs_only_spans() {
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let app = builder(QueueKind::Postgres)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "100");
    assert_harmless(start(app).await, "cannot be reached").await;
}

#[tokio::test]
async fn a_collector_that_never_answers_costs_only_spans() {
    let collector = Collector::answering("").await;
    let app = exporting(QueueKind::Postgres, &collector).env("OTEL_EXPORTER_OTLP_TIMEOUT", "60000");
    assert_harmless(start(app).await, "too many spans wait").await;
}

#[tokio::test]
async fn a_collector_that_refuses_spans_costs_only_spans() {
    let collector = Collector::answering("403 Forbidden").await;
    let app = exporting(QueueKind::Postgres, &collector);
    assert_harmless(start(app).await, "answered 403").await;
}

#[tokio::test]
async fn dropped_spans_are_counted() {
    let collector = Collector::answering("400 Bad Request").await;
    let app = exporting(QueueKind::Postgres, &collector).start().await;
    app.get("/tasks").await.expect(200);
    app.apis[0].wait_for("traces.spans_dropped").await;
    let metrics = app.get("/metrics").await.body;
    let metrics = metrics.as_str().expect("text");
    let dropped = metrics
        .lines()
        .find_map(|line| line.strip_prefix("qtask_trace_spans_dropped_total "));
    assert_ne!(dropped.expect("the metric"), "0");
    app.finish().await;
}

#[tokio::test]
async fn a_collector_is_reached_by_tls_with_an_authority_and_headers_of_its_own() {
    let authority = Authority::new();
    let collector = Collector::start_tls(authority.server(&["127.0.0.1"]).acceptor()).await;
    let refused = exporting(QueueKind::Postgres, &collector)
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
        .start()
        .await;
    refused.get("/tasks").await.expect(200);
    let dropped = refused.apis[0].wait_for("traces.spans_dropped").await;
    assert!(
        dropped
            .field("reason")
            .is_some_and(|it| it.contains("QTASK_CA_FILE")),
        "{dropped:?}"
    );
    refused.finish().await;

    let app = exporting(QueueKind::Postgres, &collector)
        .env("QTASK_CA_FILE", &authority.file().display().to_string())
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20sesame",
        )
        .env("OTEL_SERVICE_NAME", "mine")
        .env(
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        )
        .start()
        .await;
    app.get("/tasks").await.expect(200);
    let span = collector.wait_for_one("GET /tasks").await;
    assert_eq!(span.service, "mine");
    let request = collector.requests().remove(0);
    assert_eq!(request[":path"], "/v1/traces");
    assert_eq!(request["content-type"], "application/x-protobuf");
    assert_eq!(request["authorization"], "Bearer sesame");
    let exporting = app.apis[0].wait_for("traces.exporting").await;
    assert!(!exporting.line.to_string().contains("sesame"));
    app.finish().await;
}

#[tokio::test]
async fn a_protocol_that_is_not_supported_is_named_at_start() {
    for arguments in [&["serve"][..], &["work"]] {
        let environment = [
            ("DATABASE_URL", "postgresql://u:p@127.0.0.1/none"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ];
        let output = run(arguments, &environment).await;
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr);
        let expected = "OTEL_EXPORTER_OTLP_PROTOCOL: `grpc` is not supported: use http/protobuf";
        assert!(error.contains(expected), "{error}");
    }
}

/// The configuration of every other test: nothing is exported.
#[tokio::test]
async fn without_an_endpoint_nothing_is_exported() {
    let app = builder(QueueKind::Postgres)
        .env("OTEL_TRACES_SAMPLER", "always_on")
        .env("OTEL_SERVICE_NAME", "mine")
        .start()
        .await;
    app.post("/tasks", &json!({})).await.expect(422);
    let metrics = app.get("/metrics").await.body;
    assert!(
        metrics
            .as_str()
            .expect("text")
            .contains("qtask_trace_spans_exported_total 0")
    );
    assert!(
        app.apis[0]
            .events()
            .all(|event| event.is("traces.exporting"))
            .is_empty()
    );
    app.finish().await;
}
