//! What answers about workers and backends look like.

use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::time;
use crate::domain::task::{Assignment, Work};
use crate::store::{
    BackendRecord, COUNTED_WAITING, Json, QueuePosition, WorkerList, WorkerRecord, WorkerStatus,
};

/// The answer to a registration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Registered)]
pub struct RegisteredView {
    /// The worker's name.
    pub worker_id: String,
    /// Proves who asks, in every call of this worker from here on.
    pub session_id: Uuid,
    /// How often to send a heartbeat.
    #[schema(example = 5.0)]
    pub heartbeat_seconds: f64,
    /// A worker that was silent for this long has lost its tasks to others.
    #[schema(example = 15.0)]
    pub lease_seconds: f64,
    /// `idle`: it has nothing to do yet.
    pub status: WorkerStatus,
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeartbeatView {
    /// The lease is renewed.
    #[schema(example = true)]
    pub acknowledged: bool,
    /// Stop these: their clients have cancelled them.
    pub cancel: Vec<Uuid>,
    /// Those of the tasks named that others have by now: stop them, and write nothing more about them.
    pub lost: Vec<Uuid>,
    /// Whether to take no more tasks for now.
    pub draining: bool,
    /// Whether the worker is in quarantine: attempts in a row failed for its environment. It gets no tasks until the
    /// backoff is over, and then one at a time.
    pub quarantined: bool,
}

/// The answer to a claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClaimedPage {
    /// What the worker is to do now; empty where there was nothing.
    pub tasks: Vec<ClaimedTask>,
}

/// A task as handed to the worker that owns it now.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClaimedTask {
    /// Its id.
    pub task_id: Uuid,
    /// Goes into every write about this task.
    pub attempt: i32,
    /// What it was submitted for.
    pub backend: String,
    /// `circuit` or `problem`.
    #[schema(example = "problem")]
    pub kind: &'static str,
    /// How long the attempt may run, in seconds.
    pub timeout_seconds: i32,
    /// How many attempts the task gets.
    pub max_attempts: i16,
    /// 0 to 10, higher first.
    pub priority: i16,
    /// A circuit: the OpenQASM program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit: Option<String>,
    /// A circuit: how often it is run and measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shots: Option<u32>,
    /// A problem: its name in the benchmark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem_id: Option<String>,
    /// A problem: what the agent is and how it is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub agent_config: Option<Value>,
    /// A problem: how many steps the agent may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub max_steps: Option<Value>,
    /// All other options of the submission, such as `seed`.
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
    /// The client's own data.
    #[schema(value_type = Object)]
    pub metadata: Value,
    /// Follows the task through rows, messages and logs.
    pub correlation_id: String,
    /// When it was submitted.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub submitted_at: OffsetDateTime,
    /// When this attempt began.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: OffsetDateTime,
}

impl From<Assignment> for ClaimedTask {
    fn from(task: Assignment) -> Self {
        let kind = task.work.kind();
        let mut parameters = task.work.parameters();
        let (circuit, shots, problem_id) = match task.work {
            Work::Circuit { source, options } => (Some(source), Some(options.shots), None),
            Work::Problem { problem_id, .. } => (None, None, Some(problem_id)),
        };
        Self {
            task_id: task.lease.task_id,
            attempt: task.lease.attempt,
            backend: task.backend,
            kind,
            timeout_seconds: task.timeout_seconds,
            max_attempts: task.max_attempts,
            priority: task.priority,
            circuit,
            shots,
            problem_id,
            agent_config: parameters.remove("agent_config"),
            max_steps: parameters.remove("max_steps"),
            parameters,
            metadata: task.metadata,
            correlation_id: task.correlation_id,
            submitted_at: task.submitted_at,
            started_at: task.started_at,
        }
    }
}

/// A worker.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerView {
    /// Its name.
    pub worker_id: String,
    /// Its present or last session.
    pub session_id: Uuid,
    /// How it is, by its last heartbeat.
    pub status: WorkerStatus,
    /// Whether it was told to take no more tasks.
    pub draining: bool,
    /// What it serves.
    pub backends: Vec<String>,
    /// What it can.
    #[schema(value_type = Object)]
    pub capabilities: Json,
    /// Anything of its own.
    #[schema(value_type = Object)]
    pub metadata: Json,
    /// When the session began.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub registered_at: OffsetDateTime,
    /// When it was last heard of.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub last_heartbeat_at: OffsetDateTime,
    /// What it has in its hands.
    pub current_tasks: Vec<Uuid>,
    /// Tasks completed in this session.
    pub tasks_completed: i64,
    /// Tasks failed in this session.
    pub tasks_failed: i64,
    /// How long it may be silent before others get its tasks.
    #[schema(example = 15.0)]
    pub lease_seconds: f64,
    /// Why it takes no tasks now, in its own words, or why it is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_ready_reason: Option<String>,
    /// Where attempts in a row failed for its environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineView>,
}

/// Why a worker gets no tasks, and for how long.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantineView {
    /// The last failure, and how many there were in a row.
    pub reason: String,
    /// When the present backoff began.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub since: OffsetDateTime,
    /// When it ends. From then on one task at a time is a probe: its success ends the quarantine, its failure doubles the
    /// backoff.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub probe_at: OffsetDateTime,
}

fn quarantine(worker: &WorkerRecord) -> Option<QuarantineView> {
    Some(QuarantineView {
        reason: worker.quarantine_reason.clone()?,
        since: worker.quarantined_at?,
        probe_at: worker.quarantine_ends_at?,
    })
}

impl From<WorkerRecord> for WorkerView {
    fn from(worker: WorkerRecord) -> Self {
        Self {
            status: worker.status(),
            quarantine: quarantine(&worker),
            lease_seconds: f64::from(worker.lease_ms) / 1e3,
            worker_id: worker.worker_id,
            session_id: worker.session_id,
            draining: worker.draining,
            backends: worker.backends,
            capabilities: worker.capabilities,
            metadata: worker.metadata,
            registered_at: worker.registered_at,
            last_heartbeat_at: worker.last_heartbeat_at,
            current_tasks: worker.current_tasks,
            tasks_completed: worker.tasks_completed,
            tasks_failed: worker.tasks_failed,
            not_ready_reason: worker.not_ready_reason,
        }
    }
}

/// The workers.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerPage {
    /// By name.
    pub workers: Vec<WorkerView>,
    /// Asks for the next page as `cursor`; null on the last one.
    pub next_cursor: Option<String>,
}

impl From<WorkerList> for WorkerPage {
    fn from(list: WorkerList) -> Self {
        Self {
            workers: list.workers.into_iter().map(WorkerView::from).collect(),
            next_cursor: list.next,
        }
    }
}

/// A backend at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackendView {
    /// Its name.
    #[schema(example = "simulator")]
    pub backend: String,
    /// Living workers that serve it.
    pub workers_online: i64,
    /// Waiting tasks, counted up to 10,000.
    pub waiting: i64,
    /// Whether that is all of them.
    pub waiting_exact: bool,
    /// Tasks in the hands of workers.
    pub running: i64,
    /// For how long the oldest of the tasks counted has waited; null where none does.
    pub oldest_wait_seconds: Option<f64>,
    /// How long an attempt takes, in the middle of the last 100 completed tasks; null where there are none.
    pub median_run_seconds: Option<f64>,
    /// When the tasks counted will have been begun, as far as can be told: their number times the median, shared by
    /// all that workers can run at once. Null where nobody takes tasks, or none was ever completed.
    pub estimated_wait_seconds: Option<f64>,
}

impl From<BackendRecord> for BackendView {
    fn from(record: BackendRecord) -> Self {
        let counted = i64::from(COUNTED_WAITING);
        let waiting = record.waiting.min(counted);
        Self {
            waiting,
            waiting_exact: record.waiting <= counted,
            estimated_wait_seconds: estimated_wait(waiting, &record).map(in_milliseconds),
            backend: record.backend,
            workers_online: record.workers_online,
            running: record.running,
            oldest_wait_seconds: record.oldest_wait_seconds.map(in_milliseconds),
            median_run_seconds: record.median_run_seconds.map(in_milliseconds),
        }
    }
}

fn estimated_wait(waiting: i64, record: &BackendRecord) -> Option<f64> {
    if record.slots_online == 0 {
        return None;
    }
    let (waiting, slots) = (
        i32::try_from(waiting).ok()?,
        i32::try_from(record.slots_online).ok()?,
    );
    Some(f64::from(waiting) * record.median_run_seconds? / f64::from(slots))
}

/// More digits would say nothing.
fn in_milliseconds(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// The backends.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackendPage {
    /// By name.
    pub backends: Vec<BackendView>,
    /// Asks for the next page as `cursor`; null on the last one.
    pub next_cursor: Option<String>,
}

/// Where a waiting task stands in the line of its backend.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueuePositionView {
    /// 1 is the next; 1001 stands for everything behind the first 1,000.
    #[schema(minimum = 1, maximum = 1001)]
    pub position: i64,
    /// Whether the position is that very one.
    pub exact: bool,
}

impl From<QueuePosition> for QueuePositionView {
    fn from(place: QueuePosition) -> Self {
        Self {
            position: place.position,
            exact: place.exact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(waiting: i64, slots_online: i64, median: Option<f64>) -> BackendRecord {
        BackendRecord {
            backend: "b".to_owned(),
            workers_online: 1,
            slots_online,
            waiting,
            running: 0,
            oldest_wait_seconds: None,
            median_run_seconds: median,
        }
    }

    #[test]
    fn the_wait_is_estimated_where_all_that_it_hangs_on_is_known() {
        let wait = |record| BackendView::from(record).estimated_wait_seconds;
        assert_eq!(wait(record(10, 4, Some(2.0))), Some(5.0));
        assert_eq!(wait(record(10, 0, Some(2.0))), None);
        assert_eq!(wait(record(10, 4, None)), None);
    }

    #[test]
    fn a_long_line_is_counted_up_to_ten_thousand() {
        let counted = |waiting| {
            let view = BackendView::from(record(waiting, 1, None));
            (view.waiting, view.waiting_exact)
        };
        assert_eq!(counted(10_000), (10_000, true));
        assert_eq!(counted(10_001), (10_000, false));
    }
}
