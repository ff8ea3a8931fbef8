//! The settings that apply to all tasks of a deployment.

use std::time::Duration;

use super::sweep_bounds::milliseconds;

/// How tasks wait, repeat and age.
#[derive(Debug, Clone, Copy)]
pub struct QueuePolicy {
    /// How long an idempotency key is remembered.
    pub idempotency_window: Duration,
    /// The waiting time that raises the priority of a task by one.
    pub priority_aging_interval: Duration,
    /// How long a task is left to other workers after it failed in the environment of one.
    pub blame_window: Duration,
    /// How long a task is kept after its end; `None` to keep it until it is pruned by request.
    pub retention: Option<Duration>,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            idempotency_window: Duration::from_hours(24),
            priority_aging_interval: Duration::from_mins(10),
            blame_window: Duration::from_mins(5),
            retention: None,
        }
    }
}

impl QueuePolicy {
    pub(super) fn idempotency_seconds(&self) -> i32 {
        i32::try_from(self.idempotency_window.as_secs()).unwrap_or(i32::MAX)
    }

    pub(super) fn blame_window_ms(&self) -> i32 {
        milliseconds(self.blame_window)
    }

    pub(super) fn priority_aging_interval_ms(&self) -> i32 {
        milliseconds(self.priority_aging_interval)
    }
}
