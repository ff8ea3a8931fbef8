//! Who runs a task: the three values that every write about a running task carries.

use std::sync::Arc;

use uuid::Uuid;

/// A worker process as the database knows it. The name may come back after a restart; the session
/// never does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The worker's name.
    pub worker_id: Arc<str>,
    /// New at each registration.
    pub session_id: Uuid,
}

impl Session {
    /// A new session for the worker of this name.
    pub fn begin(worker_id: &str) -> Self {
        Self {
            worker_id: worker_id.into(),
            session_id: Uuid::now_v7(),
        }
    }
}

/// The owner of one attempt at one task. A write that names another owner than the row does changes
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The task.
    pub task_id: Uuid,
    /// The attempt that this lease was granted for; it only ever grows.
    pub attempt: i32,
    /// The worker session that runs the attempt.
    pub session: Session,
}
