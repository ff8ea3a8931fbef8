//! Cancellation: at once where nobody runs the task, through its owner otherwise.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use time::OffsetDateTime;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::status::Status;
use crate::metrics;

/// What became of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The task is cancelled, now or from before.
    Cancelled {
        /// When that was first asked for.
        requested_at: OffsetDateTime,
        /// Whether this request did it.
        now: bool,
    },
    /// A worker runs it and is being told.
    Requested {
        /// When that was first asked for.
        requested_at: OffsetDateTime,
    },
    /// It has ended in another way.
    AlreadyTerminal(Status),
    /// There is no such task.
    Unknown,
}

// One update for both cases: where a claim or an end comes in between, PostgreSQL works it out again
// from the row as it then is.
const CANCEL: &str = "
WITH moved AS (
    UPDATE tasks t
    SET cancel_requested_at = coalesce(t.cancel_requested_at, clock_timestamp()),
        current_status = CASE WHEN t.current_status = 'processing' THEN 'processing' ELSE 'cancelled' END::task_status,
        completed_at = CASE WHEN t.current_status <> 'processing' THEN clock_timestamp() END,
        available_at = NULL
    WHERE t.task_id = $1 AND t.completed_at IS NULL
    RETURNING t.task_id, t.attempt, t.current_status, t.completed_at, t.cancel_requested_at
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, notes)
    SELECT task_id, 'cancelled', completed_at, attempt, 'Cancelled on request' FROM moved WHERE completed_at IS NOT NULL
), told AS (
    SELECT count(pg_notify('qtask_cancel', task_id::text)) AS workers FROM moved WHERE completed_at IS NULL
)
SELECT coalesce(moved.current_status, t.current_status)::text AS status, moved.task_id IS NOT NULL AS moved,
       coalesce(moved.cancel_requested_at, t.cancel_requested_at, t.completed_at) AS requested_at, told.workers,
       t.backend
FROM tasks t LEFT JOIN moved USING (task_id) CROSS JOIN told WHERE t.task_id = $1";

#[derive(QueryableByName)]
struct CancelRow {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Bool)]
    moved: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    requested_at: Option<OffsetDateTime>,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notification is sent")]
    workers: i64,
    #[diesel(sql_type = Text)]
    backend: String,
}

/// How often the statement is asked again when its snapshot and its update have seen different rows.
const MAX_TRIES: usize = 3;

impl Store {
    /// Cancels a task that waits; asks for it where a worker runs the task.
    pub async fn cancel(&self, task_id: Uuid) -> Result<Cancellation, StoreError> {
        for _ in 0..MAX_TRIES {
            let rows: Vec<CancelRow> = self
                .pools
                .run("cancel task", async |connection| {
                    Prepared(diesel::sql_query(CANCEL).bind::<SqlUuid, _>(task_id))
                        .load(connection)
                        .await
                })
                .await?;
            let Some(row) = rows.into_iter().next() else {
                return Ok(Cancellation::Unknown);
            };
            let status: Status = row
                .status
                .parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))?;
            match (status, row.requested_at) {
                (Status::Cancelled, Some(requested_at)) => {
                    if row.moved {
                        metrics::task_moved(&row.backend, status);
                    }
                    return Ok(Cancellation::Cancelled {
                        requested_at,
                        now: row.moved,
                    });
                }
                (Status::Processing, Some(requested_at)) if row.moved => {
                    return Ok(Cancellation::Requested { requested_at });
                }
                (Status::Completed | Status::Failed, _) => {
                    return Ok(Cancellation::AlreadyTerminal(status));
                }
                // It ended between the statement's snapshot, which is what this row shows, and its
                // update.
                _ => {}
            }
        }
        Err(StoreError::Collision("the task kept moving".to_owned()))
    }
}
