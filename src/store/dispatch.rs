//! Dispatch: waiting tasks that have no message, or one that is stale or of too low a priority, are returned for a new one.

use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::Prepared;
use super::sweep_bounds::{SWEEP_ROWS, milliseconds};
use super::{Store, StoreError};

/// A waiting task that needs a message, or a new one.
#[derive(Debug, Clone, QueryableByName)]
pub struct StaleTask {
    /// The id of the task.
    #[diesel(sql_type = SqlUuid)]
    pub task_id: Uuid,
    /// The backend to whose queue the message belongs.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// The priority of the message, 0 to 10: the priority of the task, plus one for each aging interval that it has waited.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// The correlation id of the submission.
    #[diesel(sql_type = Text)]
    pub correlation_id: String,
}

#[derive(QueryableByName)]
struct WaitingBackendRow {
    #[diesel(sql_type = Text)]
    backend: String,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    waiting: i64,
}

/// The priority of a message: the priority of the task, plus one for each aging interval that it has waited, so that no task is
/// starved by newer ones. Bind $1: the interval in milliseconds.
macro_rules! message_priority {
    ($at:literal) => {
        concat!(
            "least(10, t.priority + greatest(0, floor(extract(epoch FROM ",
            $at,
            " - t.submitted_at) * 1000 / $1)))::smallint"
        )
    };
}

/// Sets `dispatched_at` of the chosen tasks and returns them.
macro_rules! dispatch {
    ($chosen:literal) => {
        concat!(
            "UPDATE tasks t SET dispatched_at = clock_timestamp() FROM ",
            $chosen,
            " AS c WHERE t.task_id = c.task_id AND t.available_at IS NOT NULL
RETURNING t.task_id, t.backend, ",
            message_priority!("clock_timestamp()"),
            " AS priority, t.correlation_id"
        )
    };
}

const TAKE_UNDISPATCHED: &str = concat!(
    "WITH due AS (
    SELECT task_id FROM tasks
    WHERE available_at <= clock_timestamp() AND dispatched_at IS NULL
      AND coalesce(NOT EXISTS (SELECT FROM paused_backends p WHERE p.backend = tasks.backend), false)
    LIMIT $2 FOR UPDATE SKIP LOCKED
) ",
    dispatch!("due")
);

/// Every backend with a waiting task, except paused ones; reads one index entry for each.
const WAITING_BACKENDS: &str = "
WITH RECURSIVE waiting AS (
    (SELECT backend FROM tasks WHERE available_at IS NOT NULL ORDER BY backend LIMIT 1)
    UNION ALL
    SELECT (SELECT backend FROM tasks WHERE available_at IS NOT NULL AND backend > waiting.backend
            ORDER BY backend LIMIT 1)
    FROM waiting WHERE waiting.backend IS NOT NULL
)
SELECT backend FROM waiting
WHERE backend IS NOT NULL AND coalesce(NOT EXISTS (SELECT FROM paused_backends p WHERE p.backend = waiting.backend), false)";

/// Counts only as far as is needed to know that more tasks wait than the queue has messages. A message with a time in the future
/// was sent before the clock was set back.
const COUNT_STALE: &str = "
SELECT count(*) AS waiting FROM (
    SELECT FROM tasks
    WHERE backend = $1 AND available_at <= clock_timestamp()
      AND dispatched_at NOT BETWEEN clock_timestamp() - $2 * interval '1 millisecond'
                                AND clock_timestamp() + $2 * interval '1 millisecond'
    LIMIT $3
) AS stale";

const TAKE_STALE: &str = concat!(
    "WITH stale AS (
    SELECT task_id FROM tasks
    WHERE backend = $3 AND available_at <= clock_timestamp()
      AND dispatched_at NOT BETWEEN clock_timestamp() - $4 * interval '1 millisecond'
                                AND clock_timestamp() + $4 * interval '1 millisecond'
    ORDER BY queue_rank, task_id LIMIT $2 FOR UPDATE SKIP LOCKED
) ",
    dispatch!("stale")
);

/// Reads the head of the queue only: its tasks are claimed first, and the next sweep reads the tasks behind them.
const TAKE_AGED: &str = concat!(
    "WITH head AS (
    SELECT task_id FROM tasks
    WHERE backend = $3 AND available_at <= clock_timestamp() ORDER BY queue_rank, task_id LIMIT $2
), aged AS (
    SELECT t.task_id FROM tasks t JOIN head USING (task_id)
    WHERE t.dispatched_at IS NOT NULL AND ",
    message_priority!("clock_timestamp()"),
    " > ",
    message_priority!("t.dispatched_at"),
    " FOR UPDATE OF t SKIP LOCKED
) ",
    dispatch!("aged")
);

const UNDO_DISPATCH: &str = "
UPDATE tasks SET dispatched_at = NULL WHERE task_id = ANY($1) AND available_at IS NOT NULL";

impl Store {
    /// Marks as dispatched, and returns, due tasks without a message: retries, and tasks whose message was never published. Those of
    /// paused backends get no message.
    pub async fn take_undispatched(&self) -> Result<Vec<StaleTask>, StoreError> {
        self.pools
            .run_control("take undispatched tasks", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE_UNDISPATCHED)
                        .bind::<Integer, _>(self.policy.priority_aging_interval_ms())
                        .bind::<Integer, _>(SWEEP_ROWS),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// Returns the backends of waiting tasks, except paused ones.
    pub async fn waiting_backends(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<WaitingBackendRow> = self
            .pools
            .run_control("find waiting backends", async |connection| {
                Prepared(diesel::sql_query(WAITING_BACKENDS))
                    .load(connection)
                    .await
            })
            .await?;
        Ok(rows.into_iter().map(|row| row.backend).collect())
    }

    /// Counts, up to `limit`, the waiting tasks of the backend whose message is older than `min_age`.
    pub async fn count_stale(
        &self,
        backend: &str,
        min_age: Duration,
        limit: i64,
    ) -> Result<i64, StoreError> {
        let row: CountRow = self
            .pools
            .run_control("count stale tasks", async |connection| {
                Prepared(
                    diesel::sql_query(COUNT_STALE)
                        .bind::<Text, _>(backend)
                        .bind::<Integer, _>(milliseconds(min_age))
                        .bind::<BigInt, _>(limit),
                )
                .get_result(connection)
                .await
            })
            .await?;
        Ok(row.waiting)
    }

    /// Marks as dispatched again, and returns, up to `limit` waiting tasks of the backend whose message is older than `min_age`,
    /// in the order of the queue.
    pub async fn take_stale(
        &self,
        backend: &str,
        limit: i64,
        min_age: Duration,
    ) -> Result<Vec<StaleTask>, StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX).min(SWEEP_ROWS);
        self.pools
            .run_control("take stale tasks", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE_STALE)
                        .bind::<Integer, _>(self.policy.priority_aging_interval_ms())
                        .bind::<Integer, _>(limit)
                        .bind::<Text, _>(backend)
                        .bind::<Integer, _>(milliseconds(min_age)),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// Marks as dispatched again, and returns, tasks at the head of the backend's queue whose message has a lower priority than
    /// they have reached by waiting.
    pub async fn take_aged(&self, backend: &str) -> Result<Vec<StaleTask>, StoreError> {
        self.pools
            .run_control("take aged tasks", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE_AGED)
                        .bind::<Integer, _>(self.policy.priority_aging_interval_ms())
                        .bind::<Integer, _>(SWEEP_ROWS)
                        .bind::<Text, _>(backend),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// Marks tasks as not dispatched whose messages could not be published.
    pub async fn undo_dispatch(&self, task_ids: &[Uuid]) -> Result<(), StoreError> {
        self.pools
            .run_control("undo dispatch", async |connection| {
                let statement = diesel::sql_query(UNDO_DISPATCH);
                Prepared(statement.bind::<Array<SqlUuid>, _>(task_ids))
                    .execute(connection)
                    .await
            })
            .await
            .map(drop)
    }
}
