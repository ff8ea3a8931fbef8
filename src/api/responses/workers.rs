//! What answers about workers look like.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::time;
use crate::store::{Json, WorkerList, WorkerRecord, WorkerStatus};

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
