//! What happens to a worker of `qtask work`.

use std::sync::LazyLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::family::GaugeValue;

static METRICS: LazyLock<WorkerMetrics> = LazyLock::new(WorkerMetrics::default);

#[derive(Default)]
struct WorkerMetrics {
    failed_heartbeats: Counter,
    lost_leases: Counter,
    quarantines: Counter,
    unwritten_outcomes: GaugeValue,
}

/// Adds the metrics of a worker.
pub(super) fn register(registry: &mut Registry) {
    let m = &*METRICS;
    for (name, help, counter) in [
        (
            "worker_heartbeat_failures",
            "Heartbeats that the database did not accept",
            &m.failed_heartbeats,
        ),
        (
            "worker_leases_lost",
            "Times at which the worker stopped its tasks because its lease was in doubt or lost",
            &m.lost_leases,
        ),
        (
            "worker_quarantines",
            "Quarantines that began",
            &m.quarantines,
        ),
    ] {
        registry.register(name, help, counter.clone());
    }
    registry.register(
        "worker_outcomes_unwritten",
        "Attempts that have ended and whose outcome is not stored yet",
        m.unwritten_outcomes.clone(),
    );
}

/// Records a failed heartbeat.
pub fn heartbeat_failed() {
    METRICS.failed_heartbeats.inc();
}

/// Records that the worker stopped its tasks because others may own them.
pub fn lease_lost() {
    METRICS.lost_leases.inc();
}

/// Records the start of a quarantine.
pub fn quarantined() {
    METRICS.quarantines.inc();
}

/// An outcome that is not stored yet, until dropped.
#[derive(Debug)]
pub struct UnwrittenOutcome(());

impl UnwrittenOutcome {
    /// Counts an outcome.
    pub fn begin() -> Self {
        METRICS.unwritten_outcomes.inc();
        Self(())
    }
}

impl Drop for UnwrittenOutcome {
    fn drop(&mut self) {
        METRICS.unwritten_outcomes.dec();
    }
}
