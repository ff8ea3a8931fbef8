//! Responses about workers.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::time;
use crate::domain::access::Caller;
use crate::store::{Json, WorkerList, WorkerRecord, WorkerStatus};

/// The response to a registration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Registered)]
pub struct RegisteredView {
    /// The worker's name.
    pub worker_id: String,
    /// Identifies the session; required in every further request of this worker.
    pub session_id: Uuid,
    /// Interval of heartbeats, in seconds.
    #[schema(example = 5.0)]
    pub heartbeat_seconds: f64,
    /// Lease duration, in seconds: without a heartbeat for this time, the worker loses its tasks to others.
    #[schema(example = 15.0)]
    pub lease_seconds: f64,
    /// `idle`: the worker runs no tasks yet.
    pub status: WorkerStatus,
}

/// The response to a heartbeat.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeartbeatView {
    /// Always true: the lease is renewed.
    #[schema(example = true)]
    pub acknowledged: bool,
    /// Tasks to stop, because their clients have cancelled them.
    pub cancel: Vec<Uuid>,
    /// Named tasks that the worker no longer owns: stop them, and send no more writes about them.
    pub lost: Vec<Uuid>,
    /// Whether the worker drains: it must claim no more tasks.
    pub draining: bool,
    /// Whether the worker is in quarantine, because its environment failed several attempts in a row. It gets no tasks
    /// until the backoff has ended, and then one at a time.
    pub quarantined: bool,
}

/// A worker.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerView {
    /// Its name.
    pub worker_id: String,
    /// Its current or last session; null if another token began it and the caller's lacks the scope `admin`.
    pub session_id: Option<Uuid>,
    /// Its status, by its last heartbeat.
    pub status: WorkerStatus,
    /// Whether it drains.
    pub draining: bool,
    /// The backends that it serves.
    pub backends: Vec<String>,
    /// Its capabilities.
    #[schema(value_type = Object)]
    pub capabilities: Json,
    /// Data of the worker, such as host and version.
    #[schema(value_type = Object)]
    pub metadata: Json,
    /// When the session began.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub registered_at: OffsetDateTime,
    /// The time of its last heartbeat.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub last_heartbeat_at: OffsetDateTime,
    /// The tasks that it runs.
    pub current_tasks: Vec<Uuid>,
    /// Number of tasks completed in this session.
    pub tasks_completed: i64,
    /// Number of tasks failed in this session.
    pub tasks_failed: i64,
    /// Lease duration, in seconds: without a heartbeat for this time, the worker loses its tasks to others.
    #[schema(example = 15.0)]
    pub lease_seconds: f64,
    /// Why it takes no tasks at present, as it reported, or why it is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_ready_reason: Option<String>,
    /// Its quarantine, if its environment failed several attempts in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineView>,
}

/// The quarantine of a worker.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantineView {
    /// The last failure, and the number of failures in a row.
    pub reason: String,
    /// When the current backoff began.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub since: OffsetDateTime,
    /// When the backoff ends. Then one task at a time is a probe: its success ends the quarantine, its failure doubles
    /// the backoff.
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

impl WorkerView {
    /// What this caller may know of the worker.
    pub fn of(worker: WorkerRecord, caller: &Caller) -> Self {
        let is_known = caller.may_know_session_of(worker.token_name.as_deref());
        Self {
            status: worker.status(),
            quarantine: quarantine(&worker),
            lease_seconds: f64::from(worker.lease_ms) / 1e3,
            worker_id: worker.worker_id,
            session_id: is_known.then_some(worker.session_id),
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

/// A page of workers.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerPage {
    /// The workers, ordered by name.
    pub workers: Vec<WorkerView>,
    /// The `cursor` of the next page; null on the last page.
    pub next_cursor: Option<String>,
}

impl WorkerPage {
    /// What this caller may know of the workers.
    pub fn of(list: WorkerList, caller: &Caller) -> Self {
        let workers = list.workers.into_iter();
        Self {
            workers: workers
                .map(|worker| WorkerView::of(worker, caller))
                .collect(),
            next_cursor: list.next,
        }
    }
}
