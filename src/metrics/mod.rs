//! Metrics of this process, for Prometheus.
//!
//! Every layer may use this module; it depends only on `domain` and `cgroup`. Labels have few values each: routes
//! instead of paths, names of statements instead of their text, at most 100 backends. `docs/operations.md` describes
//! each metric; `tests/it/metrics/` compares.

mod broker;
mod build;
mod database;
mod family;
mod gauges;
mod http;
mod process;
mod tasks;
mod upkeep;
mod webhooks;
mod worker;

pub use broker::{
    broker_blocked, broker_closed, broker_connected, broker_disconnected, broker_unconfirmed,
    message_published, messages_republished, messages_returned,
};
pub use database::{clock_stepped, pool_waited, statement, statement_failed};
pub use gauges::Gauges;
pub use http::{
    connection_closed, connection_refused, http_problem, http_request, token_lookup, token_refused,
};
pub use tasks::{attempt_ended, task_ended, task_moved, task_waited, tasks_moved, tasks_pruned};
pub use upkeep::{
    attempts_revoked, connections_terminated, log_lines_dropped, sessions_expired, spans_dropped,
    spans_exported, sweep_failed, sweep_turn, write_fenced,
};
pub use webhooks::webhook;
pub use worker::{UnwrittenOutcome, heartbeat_failed, lease_lost, quarantined};

use std::sync::LazyLock;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

/// The media type of [`render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process that is scraped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `qtask serve`, and `qtask dev`.
    Serve,
    /// `qtask work`.
    Work,
}

/// What every process has.
static COMMON: LazyLock<[Registry; 2]> = LazyLock::new(|| {
    let (mut standard, mut qtask) = (Registry::default(), Registry::with_prefix("qtask"));
    process::register(&mut standard, &mut qtask);
    for register in [
        build::register,
        tasks::register,
        database::register,
        upkeep::register,
    ] {
        register(&mut qtask);
    }
    [standard, qtask]
});

/// What processes with a broker have.
static BROKER: LazyLock<Registry> = LazyLock::new(|| filled(&[broker::register]));

static SERVE: LazyLock<Registry> = LazyLock::new(|| filled(&[http::register, webhooks::register]));

static WORK: LazyLock<Registry> = LazyLock::new(|| filled(&[worker::register]));

fn filled(parts: &[fn(&mut Registry)]) -> Registry {
    let mut registry = Registry::with_prefix("qtask");
    for register in parts {
        register(&mut registry);
    }
    registry
}

/// Renders all metrics of the process and the given gauges as text.
pub fn render(role: Role, gauges: &Gauges) -> String {
    let of_role = match role {
        Role::Serve => &SERVE,
        Role::Work => &WORK,
    };
    let broker = broker::is_used().then(|| &*BROKER);
    let mut text = String::new();
    let registries = COMMON.iter().chain([&**of_role, gauges.registry()]);
    for registry in registries.chain(broker) {
        // Writing to a String does not fail.
        let _ = encode_registry(&mut text, registry);
    }
    let _ = encode_eof(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::status::Status;

    #[test]
    fn what_was_counted_can_be_read() {
        task_moved("a-backend-of-this-test", Status::Pending);
        task_moved("a-backend-of-this-test", Status::Pending);
        task_ended("a-backend-of-this-test", Status::Failed, 59.0);
        task_ended("a-backend-of-this-test", Status::Retrying, 59.0);
        http_request("BREW", None, 404, Duration::from_millis(3));
        let gauges = Gauges::default().with_flag("queue_link_up", "Whether it is", true);
        let text = render(Role::Serve, &gauges);
        for line in [
            "qtask_tasks_submitted_total{backend=\"a-backend-of-this-test\"} 2",
            "qtask_http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 1",
            "qtask_http_request_duration_seconds_bucket{le=\"0.005\",method=\"other\",route=\"none\"} 1",
            "qtask_task_duration_seconds_bucket{le=\"60.0\",backend=\"a-backend-of-this-test\",outcome=\"failed\"} 1",
            "qtask_queue_link_up 1.0",
            "qtask_webhooks_total{outcome=\"given_up\"} 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(!text.contains("outcome=\"retried\""));
        assert!(text.ends_with("# EOF\n"));
        let text = render(Role::Work, &Gauges::default());
        assert!(text.contains("# TYPE qtask_worker_heartbeat_failures counter"));
        assert!(!text.contains("qtask_http_requests_total"));
    }
}
