//! Requests of the API, what it refuses, and its tokens.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::registry::Registry;

use super::family::{
    Counters, Histograms, counters_from_zero, label, method_label, short_durations,
};

static METRICS: LazyLock<HttpMetrics> = LazyLock::new(HttpMetrics::new);

struct HttpMetrics {
    requests: Counters,
    request_times: Histograms,
    problems: Counters,
    refused_connections: Counters,
    closed_connections: Counters,
    token_lookups: Counters,
    token_refusals: Counters,
}

impl HttpMetrics {
    fn new() -> Self {
        Self {
            requests: Counters::default(),
            request_times: short_durations(),
            problems: Counters::default(),
            refused_connections: counters_from_zero("limit", &["all", "address"]),
            closed_connections: counters_from_zero("cause", &["timeout", "made_room"]),
            token_lookups: counters_from_zero("source", &["cache", "database", "none"]),
            token_refusals: counters_from_zero(
                "reason",
                &["missing", "unknown", "expired", "revoked", "scope"],
            ),
        }
    }
}

/// Adds the metrics of the API.
pub(super) fn register(registry: &mut Registry) {
    let m = &*METRICS;
    registry.register(
        "http_request_duration_seconds",
        "From a request to its answer",
        m.request_times.clone(),
    );
    for (name, help, counters) in [
        ("http_requests", "Requests answered", &m.requests),
        (
            "http_problems",
            "Requests answered with a problem document, by its code",
            &m.problems,
        ),
        (
            "http_connections_refused",
            "Connections refused at a limit",
            &m.refused_connections,
        ),
        (
            "http_connections_closed",
            "Connections that the service closed while they waited",
            &m.closed_connections,
        ),
        (
            "token_lookups",
            "Lookups of tokens, by where they were answered",
            &m.token_lookups,
        ),
        (
            "token_refusals",
            "Requests refused for their token",
            &m.token_refusals,
        ),
    ] {
        registry.register(name, help, counters.clone());
    }
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

/// Records a response that is a problem document.
pub fn http_problem(code: &'static str) {
    METRICS.problems.get_or_create(&label("code", code)).inc();
}

/// Records a refused connection: the limit is that of `all` connections, or of one `address`.
pub fn connection_refused(limit: &'static str) {
    METRICS
        .refused_connections
        .get_or_create(&label("limit", limit))
        .inc();
}

/// Records a connection that the service closed: at a `timeout`, or because it `made_room` for a new one.
pub fn connection_closed(cause: &'static str) {
    METRICS
        .closed_connections
        .get_or_create(&label("cause", cause))
        .inc();
}

/// Records a lookup of a token: answered from the `cache`, by the `database`, or by `none` of them.
pub fn token_lookup(source: &'static str) {
    METRICS
        .token_lookups
        .get_or_create(&label("source", source))
        .inc();
}

/// Records a request that was refused because its token is `missing`, `unknown`, `expired` or `revoked`, or lacks the
/// `scope`.
pub fn token_refused(reason: &'static str) {
    METRICS
        .token_refusals
        .get_or_create(&label("reason", reason))
        .inc();
}
