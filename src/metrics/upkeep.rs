//! What the sweep repairs, what the fences refuse, and what the log and the traces lose.

use std::sync::LazyLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::family::{Counters, counters_from_zero, label};

static METRICS: LazyLock<UpkeepMetrics> = LazyLock::new(UpkeepMetrics::new);

struct UpkeepMetrics {
    sweep_turns: Counters,
    sweep_failures: Counter,
    expired_sessions: Counter,
    revoked_attempts: Counters,
    fenced_writes: Counters,
    terminated_connections: Counter,
    log_lines_dropped: Counter,
    spans_exported: Counter,
    spans_dropped: Counter,
}

impl UpkeepMetrics {
    fn new() -> Self {
        Self {
            sweep_turns: counters_from_zero("duty", &["reap", "dispatch", "reconcile", "prune"]),
            sweep_failures: Counter::default(),
            expired_sessions: Counter::default(),
            revoked_attempts: counters_from_zero("reason", &["worker_lost", "overdue", "cancel"]),
            fenced_writes: counters_from_zero("write", &["settlement", "log", "output"]),
            terminated_connections: Counter::default(),
            log_lines_dropped: Counter::default(),
            spans_exported: Counter::default(),
            spans_dropped: Counter::default(),
        }
    }
}

/// Adds the metrics of the upkeep.
pub(super) fn register(registry: &mut Registry) {
    let m = &*METRICS;
    for (name, help, counters) in [
        (
            "sweep_turns",
            "Turns of the sweep that this process took, by their duty",
            &m.sweep_turns,
        ),
        (
            "attempts_revoked",
            "Attempts that the sweep took from their worker",
            &m.revoked_attempts,
        ),
        (
            "fenced_writes",
            "Writes that were refused because their session does not own the attempt",
            &m.fenced_writes,
        ),
    ] {
        registry.register(name, help, counters.clone());
    }
    for (name, help, counter) in [
        (
            "sweep_failures",
            "Sweeps that failed, to be repeated",
            &m.sweep_failures,
        ),
        (
            "sessions_expired",
            "Sessions of workers that ended without a heartbeat within their lease",
            &m.expired_sessions,
        ),
        (
            "database_connections_terminated",
            "Connections of suspended processes that the sweep terminated",
            &m.terminated_connections,
        ),
        (
            "log_lines_dropped",
            "Log lines that standard error did not take",
            &m.log_lines_dropped,
        ),
        (
            "trace_spans_exported",
            "Spans that the collector accepted",
            &m.spans_exported,
        ),
        (
            "trace_spans_dropped",
            "Spans that were lost",
            &m.spans_dropped,
        ),
    ] {
        registry.register(name, help, counter.clone());
    }
}

/// Records a turn of the sweep: to `reap`, `dispatch`, `reconcile` or `prune`.
pub fn sweep_turn(duty: &'static str) {
    METRICS
        .sweep_turns
        .get_or_create(&label("duty", duty))
        .inc();
}

/// Records a sweep that failed.
pub fn sweep_failed() {
    METRICS.sweep_failures.inc();
}

/// Records sessions whose lease has expired.
pub fn sessions_expired(count: usize) {
    METRICS.expired_sessions.inc_by(count as u64);
}

/// Records attempts that were taken from their worker: `worker_lost`, `overdue`, or not stopped for a `cancel`.
pub fn attempts_revoked(reason: &'static str, count: usize) {
    METRICS
        .revoked_attempts
        .get_or_create(&label("reason", reason))
        .inc_by(count as u64);
}

/// Records a write of a session that does not own the attempt: a `settlement`, a part of the `log`, or an `output`.
pub fn write_fenced(write: &'static str) {
    METRICS
        .fenced_writes
        .get_or_create(&label("write", write))
        .inc();
}

/// Records connections of suspended processes that were terminated.
pub fn connections_terminated(count: usize) {
    METRICS.terminated_connections.inc_by(count as u64);
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
