//! Settings of leases and of the sweep, which should be equal in all processes of one database.

use std::time::Duration;

use clap::Args;

use super::Checker;
use crate::domain::pruning::{MAX_AGE, MIN_AGE};
use crate::store::QueuePolicy;

/// Settings of the lease.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Lease")]
pub struct LeaseArgs {
    /// How often a worker renews its lease
    #[arg(
        long,
        env = "QTASK_HEARTBEAT_INTERVAL",
        value_name = "TIME",
        default_value = "5s"
    )]
    pub heartbeat_interval: String,

    /// A worker silent for this long is dead, and its tasks go to others
    #[arg(
        long,
        env = "QTASK_LEASE_DURATION",
        value_name = "TIME",
        default_value = "15s"
    )]
    pub lease_duration: String,
}

/// The validated settings of the lease.
#[derive(Debug, Clone, Copy)]
pub struct LeaseSettings {
    /// Interval between two renewals.
    pub heartbeat: Duration,
    /// Lease duration that the database grants.
    pub lease: Duration,
}

impl LeaseSettings {
    /// How long after its last renewal a worker trusts its lease: one heartbeat interval less than the database grants.
    /// In this interval the worker stops its work before others may claim it.
    pub fn trusted(&self) -> Duration {
        self.lease.saturating_sub(self.heartbeat)
    }
}

impl LeaseArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker) -> LeaseSettings {
        let range = Duration::from_millis(50)..=Duration::from_hours(1);
        let heartbeat = checker.duration(
            "QTASK_HEARTBEAT_INTERVAL",
            &self.heartbeat_interval,
            range.clone(),
        );
        let lease = checker.duration("QTASK_LEASE_DURATION", &self.lease_duration, range);
        checker.require(
            heartbeat * 3 <= lease,
            "QTASK_HEARTBEAT_INTERVAL",
            format_args!(
                "three heartbeats of {heartbeat:?} must fit into QTASK_LEASE_DURATION, which is {lease:?}"
            ),
        );
        LeaseSettings { heartbeat, lease }
    }
}

/// Settings of the sweep.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sweep")]
pub struct SweepArgs {
    /// How often some process looks for dead workers, due retries and lost messages
    #[arg(
        long,
        env = "QTASK_SWEEP_INTERVAL",
        value_name = "TIME",
        default_value = "1s"
    )]
    pub sweep_interval: String,

    /// How long a task may wait beside an emptier queue before its message counts as lost
    #[arg(
        long,
        env = "QTASK_REPUBLISH_AFTER",
        value_name = "TIME",
        default_value = "5s"
    )]
    pub republish_after: String,

    /// How long a worker may take to stop a cancelled task before the task is taken from it
    #[arg(
        long,
        env = "QTASK_CANCEL_GRACE",
        value_name = "TIME",
        default_value = "30s"
    )]
    pub cancel_grace: String,
}

/// The validated settings of the sweep.
#[derive(Debug, Clone, Copy)]
pub struct SweepSettings {
    /// Interval between two sweeps, over all processes.
    pub interval: Duration,
    /// Minimum time between two messages for the same waiting task.
    pub republish_after: Duration,
    /// Time from the request to cancel a running task until its worker is fenced, whether or not the worker responds.
    pub cancel_grace: Duration,
}

impl SweepArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker) -> SweepSettings {
        // With a longer interval, dead workers would be found later than documented.
        let range = Duration::from_millis(50)..=Duration::from_secs(2);
        SweepSettings {
            interval: checker.duration("QTASK_SWEEP_INTERVAL", &self.sweep_interval, range),
            republish_after: checker.duration(
                "QTASK_REPUBLISH_AFTER",
                &self.republish_after,
                Duration::from_millis(100)..=Duration::from_hours(1),
            ),
            cancel_grace: checker.duration(
                "QTASK_CANCEL_GRACE",
                &self.cancel_grace,
                Duration::from_millis(100)..=Duration::from_hours(1),
            ),
        }
    }
}

/// Settings that decide about all tasks of a deployment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tasks")]
pub struct RuleArgs {
    /// How long a task has to wait to count for one level of priority more
    #[arg(
        long,
        env = "QTASK_PRIORITY_AGING_INTERVAL",
        value_name = "TIME",
        default_value = "10m"
    )]
    pub priority_aging_interval: String,

    /// For how long a task is left to other workers than the one whose environment failed it
    #[arg(
        long,
        env = "QTASK_BLAME_WINDOW",
        value_name = "TIME",
        default_value = "5m"
    )]
    pub blame_window: String,

    /// For how long an Idempotency-Key names its request
    #[arg(
        long,
        env = "QTASK_IDEMPOTENCY_WINDOW",
        value_name = "TIME",
        default_value = "24h"
    )]
    pub idempotency_window: String,

    /// How long tasks are kept after their end, like 90d; then this process deletes them. By default they are kept
    #[arg(long, env = "QTASK_RETENTION", value_name = "TIME")]
    pub retention: Option<String>,
}

impl RuleArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker) -> QueuePolicy {
        let idempotency_window = checker.duration(
            "QTASK_IDEMPOTENCY_WINDOW",
            &self.idempotency_window,
            Duration::from_secs(1)..=Duration::from_hours(24 * 366),
        );
        QueuePolicy {
            idempotency_window,
            retention: self.retention(checker, idempotency_window),
            blame_window: checker.duration(
                "QTASK_BLAME_WINDOW",
                &self.blame_window,
                Duration::ZERO..=Duration::from_hours(24),
            ),
            priority_aging_interval: checker.duration(
                "QTASK_PRIORITY_AGING_INTERVAL",
                &self.priority_aging_interval,
                Duration::from_millis(10)..=Duration::from_hours(24),
            ),
        }
    }

    /// An empty value counts as none, so that `QTASK_RETENTION=` turns it off.
    fn retention(&self, checker: &mut Checker, idempotency_window: Duration) -> Option<Duration> {
        let text = self.retention.as_deref().filter(|text| !text.is_empty())?;
        let retention = checker.duration("QTASK_RETENTION", text, MIN_AGE..=MAX_AGE);
        checker.require(
            retention >= idempotency_window,
            "QTASK_RETENTION",
            format_args!(
                "`{text}` is shorter than QTASK_IDEMPOTENCY_WINDOW, which is {}: the repetition of a request must find its tasks",
                humantime::format_duration(idempotency_window)
            ),
        );
        Some(retention)
    }
}
