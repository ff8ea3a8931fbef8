//! Deletion of what the sweep finds expired, and what its statements have in common.

use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;

use super::reap::EndedRow;
use super::statement::Prepared;
use super::sweep_bounds::SWEEP_ROWS;
use super::turn::{key_is_over, turn_is_recent};
use super::{Store, StoreError};
use crate::domain::owner::Session;

/// How long a worker stays in the registry after its session has ended.
const WORKERS_KEPT_DAYS: i32 = 7;

/// A row is evaluated again once it is locked: a worker that has just registered again is kept.
const DELETE_WORKERS: &str = "
DELETE FROM workers WHERE session_id IN (
    SELECT w.session_id FROM workers w
    WHERE w.ended_at < clock_timestamp() - $1 * interval '1 day'
      AND NOT EXISTS (SELECT FROM tasks t WHERE t.session_id = w.session_id)
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING worker_id, session_id";

/// A row is evaluated again once it is locked: a key that has just been used again is kept.
const DELETE_KEYS: &str = concat!(
    "WITH expired AS (
    SELECT key FROM idempotency_keys k WHERE ",
    key_is_over!("$1"),
    "
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency_keys k USING expired WHERE k.key = expired.key"
);

impl Store {
    /// Deletes expired idempotency keys, and returns their number.
    pub async fn delete_expired_keys(&self) -> Result<usize, StoreError> {
        self.pools
            .run_control("delete expired keys", async |connection| {
                Prepared(
                    diesel::sql_query(DELETE_KEYS)
                        .bind::<Integer, _>(self.policy.idempotency_seconds())
                        .bind::<Integer, _>(SWEEP_ROWS),
                )
                .execute(connection)
                .await
            })
            .await
    }

    /// Deletes workers whose session ended long ago and owns no task, and returns their sessions.
    pub async fn delete_ended_workers(&self) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<EndedRow> = self
            .pools
            .run_control("delete ended workers", async |connection| {
                Prepared(
                    diesel::sql_query(DELETE_WORKERS)
                        .bind::<Integer, _>(WORKERS_KEPT_DAYS)
                        .bind::<Integer, _>(SWEEP_ROWS),
                )
                .load(connection)
                .await
            })
            .await?;
        Ok(rows.into_iter().map(EndedRow::into_session).collect())
    }
}
