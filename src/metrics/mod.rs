//! Counters and histograms of this process, for Prometheus.
//!
//! Every layer may use this module; it depends only on `domain`. Labels have few values each: routes instead of
//! paths, names of statements instead of their text, at most 100 backends.

mod gauges;
mod labels;

pub use gauges::Gauges;

use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use crate::domain::status::Status;
use labels::{Labels, backend_label, method_label};

/// The media type of [`render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Counters = Family<Labels, Counter>;
type Times = Family<Labels, Histogram>;

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

struct Metrics {
    registry: Registry,
    requests: Counters,
    request_times: Times,
    statement_times: Times,
    submitted: Counters,
    claimed: Counters,
    completed: Counters,
    failed: Counters,
    cancelled: Counters,
    retried: Counters,
    pruned: Counter,
    webhooks: Counters,
    failed_heartbeats: Counter,
    log_lines_dropped: Counter,
    spans_exported: Counter,
    spans_dropped: Counter,
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("qtask");
        let r = &mut registry;
        Self {
            requests: add(r, "http_requests", "Requests answered", Counters::default()),
            request_times: add(
                r,
                "http_request_duration_seconds",
                "From a request to its answer",
                times(),
            ),
            statement_times: add(
                r,
                "database_statement_duration_seconds",
                "From a statement to its outcome",
                times(),
            ),
            submitted: add(r, "tasks_submitted", "Tasks committed", Counters::default()),
            claimed: add(r, "tasks_claimed", "Attempts begun", Counters::default()),
            completed: add(
                r,
                "tasks_completed",
                "Tasks that have a result",
                Counters::default(),
            ),
            failed: add(
                r,
                "tasks_failed",
                "Tasks that failed for good",
                Counters::default(),
            ),
            cancelled: add(
                r,
                "tasks_cancelled",
                "Tasks that were cancelled",
                Counters::default(),
            ),
            retried: add(
                r,
                "tasks_retried",
                "Attempts after which the task waits for another",
                Counters::default(),
            ),
            pruned: add(
                r,
                "pruned_tasks",
                "Ended tasks that were deleted",
                Counter::default(),
            ),
            webhooks: add(
                r,
                "webhooks",
                "Calls made for ended tasks",
                Counters::default(),
            ),
            failed_heartbeats: add(
                r,
                "worker_heartbeat_failures",
                "Heartbeats that did not get through",
                Counter::default(),
            ),
            log_lines_dropped: add(
                r,
                "log_lines_dropped",
                "Log lines that standard error did not take",
                Counter::default(),
            ),
            spans_exported: add(
                r,
                "trace_spans_exported",
                "Spans that the collector accepted",
                Counter::default(),
            ),
            spans_dropped: add(
                r,
                "trace_spans_dropped",
                "Spans that the collector did not take",
                Counter::default(),
            ),
            registry,
        }
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// Buckets from 0.5 ms to 30 s.
fn times() -> Times {
    const BOUNDS: [f64; 14] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
    ];
    Times::new_with_constructor(|| Histogram::new(BOUNDS))
}

/// Records a response. `route` is the pattern of its path; `None` for unknown paths.
pub fn http_request(method: &str, route: Option<String>, status: u16, took: Duration) {
    let mut labels = vec![
        ("method", method_label(method).to_owned()),
        ("route", route.unwrap_or_else(|| "none".to_owned())),
    ];
    METRICS
        .request_times
        .get_or_create(&labels)
        .observe(took.as_secs_f64());
    labels.push(("status", status.to_string()));
    METRICS.requests.get_or_create(&labels).inc();
}

/// Records the end of a statement, or its timeout.
pub fn statement(name: &'static str, took: Duration) {
    METRICS
        .statement_times
        .get_or_create(&vec![("statement", name.to_owned())])
        .observe(took.as_secs_f64());
}

/// Records a transition made by a statement of this process.
pub fn task_moved(backend: &str, to: Status) {
    tasks_moved(backend, to, 1);
}

/// The same for several tasks of a backend.
pub fn tasks_moved(backend: &str, to: Status, count: u64) {
    let counters = match to {
        Status::Pending => &METRICS.submitted,
        Status::Processing => &METRICS.claimed,
        Status::Retrying => &METRICS.retried,
        Status::Completed => &METRICS.completed,
        Status::Failed => &METRICS.failed,
        Status::Cancelled => &METRICS.cancelled,
    };
    counters
        .get_or_create(&vec![("backend", backend_label(backend))])
        .inc_by(count);
}

/// Records ended tasks that were deleted.
pub fn tasks_pruned(count: u64) {
    METRICS.pruned.inc_by(count);
}

/// Records an attempt to call a webhook, with its outcome.
pub fn webhook(outcome: &'static str) {
    METRICS
        .webhooks
        .get_or_create(&vec![("outcome", outcome.to_owned())])
        .inc();
}

/// Records a failed heartbeat.
pub fn heartbeat_failed() {
    METRICS.failed_heartbeats.inc();
}

/// Records lost log lines: standard error is closed, full, or not read.
pub fn log_lines_dropped(count: u64) {
    METRICS.log_lines_dropped.inc_by(count);
}

/// Records spans that the collector accepted.
pub fn spans_exported(count: u64) {
    METRICS.spans_exported.inc_by(count);
}

/// Records lost spans: the collector is unreachable, slow, or rejects them.
pub fn spans_dropped(count: u64) {
    METRICS.spans_dropped.inc_by(count);
}

/// Renders all metrics and the given gauges as text.
pub fn render(gauges: &Gauges) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = encode_registry(&mut text, &METRICS.registry);
    let _ = encode_registry(&mut text, gauges.registry());
    let _ = encode_eof(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_can_be_read() {
        task_moved("a-backend-of-this-test", Status::Pending);
        task_moved("a-backend-of-this-test", Status::Pending);
        http_request("BREW", None, 404, Duration::from_millis(3));
        let text = render(&Gauges::default().with("queue_link_up", "Whether it is", 1.0));
        for line in [
            "qtask_tasks_submitted_total{backend=\"a-backend-of-this-test\"} 2",
            "qtask_http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
            "qtask_http_request_duration_seconds_bucket{le=\"0.005\",method=\"other\",route=\"none\"} 1",
            "qtask_queue_link_up 1.0",
            "# TYPE qtask_worker_heartbeat_failures counter",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
