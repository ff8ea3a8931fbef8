//! The owner of a running task: worker, session and attempt, which every write of the owner carries.

use std::sync::Arc;

use uuid::Uuid;

/// A worker process as stored in the database. A restarted worker may use the same name, but never the same session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The worker's name.
    pub worker_id: Arc<str>,
    /// The session id, new at each registration.
    pub session_id: Uuid,
}

impl Session {
    /// Creates a new session for the worker of this name.
    pub fn begin(worker_id: &str) -> Self {
        Self {
            worker_id: worker_id.into(),
            session_id: Uuid::now_v7(),
        }
    }
}

/// The owner of one attempt at one task. A write whose owner differs from that of the row changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The task.
    pub task_id: Uuid,
    /// The attempt for which this lease was granted; the numbers only increase.
    pub attempt: i32,
    /// The worker session that runs the attempt.
    pub session: Session,
}
