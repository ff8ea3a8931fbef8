//! The state of a session, as its claims need it.

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::owner::Session;

/// The state of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// It has not ended.
    Alive {
        /// The backends that its worker serves.
        backends: Vec<String>,
        /// Whether it may take no tasks for now: its worker drains, or the backoff of its quarantine has not ended.
        held: bool,
    },
    /// It was silent for longer than its lease, or its worker ended it.
    Ended,
    /// The worker's name belongs to another session.
    Replaced,
    /// No worker has this name.
    Unknown,
}

const SESSION_STATE: &str = "
SELECT session_id, backends, draining_since IS NOT NULL
           OR coalesce(now() BETWEEN quarantined_at AND quarantine_ends_at, false) AS held, ended_at IS NOT NULL AS ended
FROM workers WHERE worker_id = $1";

#[derive(QueryableByName)]
struct SessionStateRow {
    #[diesel(sql_type = SqlUuid)]
    session_id: Uuid,
    #[diesel(sql_type = Array<Text>)]
    backends: Vec<String>,
    #[diesel(sql_type = Bool)]
    held: bool,
    #[diesel(sql_type = Bool)]
    ended: bool,
}

impl Store {
    /// Returns the state of the session.
    pub async fn session_state(&self, session: &Session) -> Result<SessionState, StoreError> {
        let row: Option<SessionStateRow> = self
            .pools
            .run_read("read session state", async |connection| {
                Prepared(diesel::sql_query(SESSION_STATE).bind::<Text, _>(&*session.worker_id))
                    .get_result(connection)
                    .await
                    .optional()
            })
            .await?;
        Ok(match row {
            None => SessionState::Unknown,
            Some(row) if row.session_id != session.session_id => SessionState::Replaced,
            Some(row) if row.ended => SessionState::Ended,
            Some(row) => SessionState::Alive {
                backends: row.backends,
                held: row.held,
            },
        })
    }
}
