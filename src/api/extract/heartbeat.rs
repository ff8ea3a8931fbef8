//! `POST /workers/heartbeat`.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::worker_fields::{check_named, session, session_id, worker_id};
use crate::domain::checks::{self, FieldErrors};
use crate::domain::owner::Session;

/// A heartbeat of a worker.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// Its name.
    #[schema(
        required = true,
        nullable = false,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
    )]
    pub worker_id: Option<String>,
    /// The session id that the registration returned.
    #[schema(required = true, nullable = false)]
    pub session_id: Option<Uuid>,
    /// The tasks that the worker runs. A task that it owns but has not named for a whole lease duration goes to
    /// another worker.
    #[schema(max_items = 10_000)]
    pub tasks: Option<Vec<Uuid>>,
}

impl HeartbeatRequest {
    /// Validates the heartbeat and returns its session and tasks, or all errors at once.
    pub fn check(self) -> Result<(Session, Option<Vec<Uuid>>), FieldErrors> {
        let mut errors = FieldErrors::new();
        let worker_id = worker_id(&mut errors, self.worker_id);
        let session_id = session_id(&mut errors, self.session_id);
        check_named(&mut errors, self.tasks.as_deref());
        checks::refuse_if_any(errors)?;
        Ok((session(&worker_id, session_id), self.tasks))
    }
}
