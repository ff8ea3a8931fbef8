//! Statements and connections of PostgreSQL.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::family::{Counters, Histograms, counters_from_zero, label, short_durations};

static METRICS: LazyLock<DatabaseMetrics> = LazyLock::new(DatabaseMetrics::new);

struct DatabaseMetrics {
    statement_times: Histograms,
    errors: Counters,
    pool_waits: Histograms,
    clock_steps: Counter,
}

impl DatabaseMetrics {
    fn new() -> Self {
        Self {
            statement_times: short_durations(),
            errors: counters_from_zero(
                "error",
                &[
                    "unavailable",
                    "too_many_connections",
                    "outcome_unknown",
                    "disk_full",
                    "serialization_conflict",
                    "too_slow",
                    "cancelled",
                    "schema",
                    "unstorable",
                    "refused",
                ],
            ),
            pool_waits: short_durations(),
            clock_steps: Counter::default(),
        }
    }
}

/// Adds the metrics of the database.
pub(super) fn register(registry: &mut Registry) {
    let m = &*METRICS;
    registry.register(
        "database_statement_duration_seconds",
        "From a statement to its outcome",
        m.statement_times.clone(),
    );
    registry.register(
        "database_errors",
        "Statements without a result, by the kind of error",
        m.errors.clone(),
    );
    registry.register(
        "database_pool_wait_seconds",
        "From a request for a connection to the connection, or to the end of the wait",
        m.pool_waits.clone(),
    );
    registry.register(
        "database_clock_steps",
        "Steps of the database's clock that this process detected",
        m.clock_steps.clone(),
    );
}

/// Records the end of a statement, or its timeout.
pub fn statement(name: &'static str, took: Duration) {
    METRICS
        .statement_times
        .get_or_create(&label("statement", name))
        .observe(took.as_secs_f64());
}

/// Records a statement without a result.
pub fn statement_failed(error: &'static str) {
    METRICS.errors.get_or_create(&label("error", error)).inc();
}

/// Records how long a statement waited for a connection of a pool.
pub fn pool_waited(pool: &'static str, took: Duration) {
    METRICS
        .pool_waits
        .get_or_create(&label("pool", pool))
        .observe(took.as_secs_f64());
}

/// Records a step of the database's clock.
pub fn clock_stepped() {
    METRICS.clock_steps.inc();
}
