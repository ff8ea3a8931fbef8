//! `POST /workers/heartbeat`.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::worker_fields::{check_named, session, session_id, worker_id};
use crate::domain::checks::{self, FieldErrors};
use crate::domain::owner::Session;

/// A worker that is alive.
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
    /// As given by the registration.
    #[schema(required = true, nullable = false)]
    pub session_id: Option<Uuid>,
    /// The tasks that it has in its hands. One that it owns and has not named for a whole lease is given
    /// to others.
    #[schema(max_items = 10_000)]
    pub tasks: Option<Vec<Uuid>>,
}

impl HeartbeatRequest {
    /// Whose heartbeat it is and what is named, or everything that is wrong with it.
    pub fn check(self) -> Result<(Session, Option<Vec<Uuid>>), FieldErrors> {
        let mut errors = FieldErrors::new();
        let worker_id = worker_id(&mut errors, self.worker_id);
        let session_id = session_id(&mut errors, self.session_id);
        check_named(&mut errors, self.tasks.as_deref());
        checks::refuse_if_any(errors)?;
        Ok((session(&worker_id, session_id), self.tasks))
    }
}
