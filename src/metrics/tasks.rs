//! Tasks: their transitions and their durations.
//!
//! Durations are differences of PostgreSQL's times, computed by the statement that makes the transition: they include
//! the time in which no process of qtask ran.

use std::sync::LazyLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family::{Counters, Histograms, Labels, backend_label, label};
use crate::domain::status::Status;

/// Bounds of the durations of tasks, in seconds: 1 ms, which an idle system needs from a submission to its claim, to
/// 12 h, four times the longest timeout of an attempt. Each bound is two to four times the one before: a quantile is
/// then wrong by at most that factor, and a hundred backends have some thousand series instead of tens of thousands.
/// Minutes and hours are bounds, so that objectives such as "99 % within 10 minutes" are exact.
const BOUNDS: [f64; 17] = [
    0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1_800.0, 3_600.0,
    10_800.0, 43_200.0,
];

static METRICS: LazyLock<TaskMetrics> = LazyLock::new(TaskMetrics::new);

struct TaskMetrics {
    submitted: Counters,
    claimed: Counters,
    completed: Counters,
    failed: Counters,
    cancelled: Counters,
    retried: Counters,
    pruned: Counter,
    queue_wait: Histograms,
    execution: Histograms,
    duration: Histograms,
}

impl TaskMetrics {
    fn new() -> Self {
        let durations = || Histograms::new_with_constructor(|| Histogram::new(BOUNDS));
        Self {
            submitted: Counters::default(),
            claimed: Counters::default(),
            completed: Counters::default(),
            failed: Counters::default(),
            cancelled: Counters::default(),
            retried: Counters::default(),
            pruned: Counter::default(),
            queue_wait: durations(),
            execution: durations(),
            duration: durations(),
        }
    }
}

/// Adds the metrics of tasks.
pub(super) fn register(registry: &mut Registry) {
    let m = &*METRICS;
    for (name, help, counters) in [
        ("tasks_submitted", "Tasks committed", &m.submitted),
        ("tasks_claimed", "Attempts begun", &m.claimed),
        ("tasks_completed", "Tasks that have a result", &m.completed),
        ("tasks_failed", "Tasks that failed for good", &m.failed),
        ("tasks_cancelled", "Tasks that were cancelled", &m.cancelled),
        (
            "tasks_retried",
            "Attempts after which the task waits for another",
            &m.retried,
        ),
    ] {
        registry.register(name, help, counters.clone());
    }
    registry.register(
        "pruned_tasks",
        "Ended tasks that were deleted",
        m.pruned.clone(),
    );
    for (name, help, durations) in [
        (
            "task_queue_wait_seconds",
            "From the submission, or the end of the previous attempt, to the claim",
            &m.queue_wait,
        ),
        (
            "task_execution_seconds",
            "From the claim of an attempt to its end",
            &m.execution,
        ),
        (
            "task_duration_seconds",
            "From the submission of a task to its end",
            &m.duration,
        ),
    ] {
        registry.register(name, help, durations.clone());
    }
}

/// Records a transition made by a statement of this process.
pub fn task_moved(backend: &str, to: Status) {
    tasks_moved(backend, to, 1);
}

/// The same for several tasks of a backend.
pub fn tasks_moved(backend: &str, to: Status, count: u64) {
    let m = &*METRICS;
    let counters = match to {
        Status::Pending => &m.submitted,
        Status::Processing => &m.claimed,
        Status::Retrying => &m.retried,
        Status::Completed => &m.completed,
        Status::Failed => &m.failed,
        Status::Cancelled => &m.cancelled,
    };
    counters
        .get_or_create(&label("backend", &backend_label(backend)))
        .inc_by(count);
}

/// Records how many seconds a claimed task had waited.
pub fn task_waited(backend: &str, seconds: f64) {
    METRICS
        .queue_wait
        .get_or_create(&label("backend", &backend_label(backend)))
        .observe(seconds.max(0.0));
}

/// Records how many seconds an attempt ran that ended with this status of its task.
pub fn attempt_ended(backend: &str, to: Status, seconds: f64) {
    METRICS
        .execution
        .get_or_create(&outcome(backend, to))
        .observe(seconds.max(0.0));
}

/// Records how many seconds after its submission a task reached this status; nothing if it goes on.
pub fn task_ended(backend: &str, to: Status, seconds: f64) {
    if to.is_terminal() {
        METRICS
            .duration
            .get_or_create(&outcome(backend, to))
            .observe(seconds.max(0.0));
    }
}

fn outcome(backend: &str, to: Status) -> Labels {
    let outcome = match to {
        Status::Retrying => "retried",
        other => other.as_str(),
    };
    vec![
        ("backend", backend_label(backend)),
        ("outcome", outcome.to_owned()),
    ]
}

/// Records ended tasks that were deleted.
pub fn tasks_pruned(count: u64) {
    METRICS.pruned.inc_by(count);
}
