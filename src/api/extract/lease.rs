//! The lease fields of a write about a running task.

use uuid::Uuid;

use crate::domain::checks::{self, FieldErrors};
use crate::domain::owner::{Lease, Session};

/// The three values that every write about a running task carries.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The worker's name.
    pub worker_id: &'a str,
    /// The session id that the registration returned.
    pub session_id: Uuid,
    /// The attempt number that the claim returned.
    pub attempt: i32,
}

impl Owner<'_> {
    /// The lease that the owner claims to hold.
    pub fn lease(self, errors: &mut FieldErrors, task_id: Uuid) -> Lease {
        checks::name(errors, "worker_id", "worker", self.worker_id);
        if self.attempt < 1 {
            let message = format!("must be at least 1, got {}", self.attempt);
            errors.insert("attempt".to_owned(), message);
        }
        Lease {
            task_id,
            attempt: self.attempt,
            session: Session {
                worker_id: self.worker_id.into(),
                session_id: self.session_id,
            },
        }
    }
}
