//! What heals: dead sessions, lost tasks, overdue attempts, and tasks whose message is gone.
//!
//! Each statement here finds its rows and moves them in one go, so that any number of processes may
//! run them at once, and a process that dies between two of them leaves nothing half done.

use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::owner::Session;

/// What a sweep does; each duty has a turn of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Ends dead sessions and releases what they had.
    Reap,
    /// Publishes what has no message.
    Dispatch,
    /// Compares what waits with what the queues hold.
    Compare,
}

/// Whose turn it is to sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// This process sweeps now.
    Mine,
    /// Another process did so a moment ago.
    Taken,
}

/// A task that the sweep moved.
#[derive(Debug, Clone, QueryableByName)]
pub struct Moved {
    /// The task.
    #[diesel(sql_type = SqlUuid)]
    pub task_id: Uuid,
    /// The attempt that was lost.
    #[diesel(sql_type = Integer)]
    pub attempt: i32,
    /// The worker that had it.
    #[diesel(sql_type = Text)]
    pub worker_id: String,
    /// The status that it went to.
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// A waiting task that needs a (new) message.
#[derive(Debug, Clone, QueryableByName)]
pub struct StaleTask {
    /// The task.
    #[diesel(sql_type = SqlUuid)]
    pub task_id: Uuid,
    /// Whose queue it belongs to.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// 0 to 10.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// Goes into the message.
    #[diesel(sql_type = Text)]
    pub correlation_id: String,
}

#[derive(QueryableByName)]
struct BackendRow {
    #[diesel(sql_type = Text)]
    backend: String,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    waiting: i64,
}

#[derive(QueryableByName)]
struct EndedRow {
    #[diesel(sql_type = Text)]
    worker_id: String,
    #[diesel(sql_type = SqlUuid)]
    session_id: Uuid,
}

#[derive(QueryableByName)]
struct MarkedRow {
    #[diesel(sql_type = Bool)]
    marked: bool,
}

/// The most rows that one statement of a sweep moves; the rest waits for the next statement.
pub const SWEEP_ROWS: i32 = 500;
/// How long after its timeout an attempt is failed here, its worker having had its chance.
const TIMEOUT_GRACE_SECONDS: i32 = 30;

// A pause in reaping means that the database, or every process, was away; workers could not renew in
// it and are not to blame. So long as it is shorter than half of a lease, a worker that renews in time
// otherwise has not missed its own. A clock that was set back (a failover to another machine) is a
// pause, too: without that, nobody would sweep until it has caught up.
const TAKE_TURN: &str = "
WITH pause AS (
    SELECT greatest($3, (SELECT min(lease_ms) FROM workers WHERE ended_at IS NULL) / 2)
           * interval '1 millisecond' AS length
)
UPDATE sweeps
SET last_run_at = clock_timestamp(),
    unbroken_since = CASE WHEN last_run_at BETWEEN clock_timestamp() - pause.length
                                               AND clock_timestamp() + pause.length
                          THEN unbroken_since ELSE clock_timestamp() END
FROM pause
WHERE duty = $1
  AND (last_run_at < clock_timestamp() - $2 * interval '1 millisecond'
       OR last_run_at > clock_timestamp() + pause.length)
RETURNING true AS marked";

// A heartbeat from further ahead than a lease was written before the clock was set back, and proves
// nothing.
const END_SILENT: &str = "
UPDATE workers w SET ended_at = clock_timestamp()
FROM sweeps
WHERE sweeps.duty = 'reap' AND w.ended_at IS NULL
  AND greatest(CASE WHEN w.last_heartbeat_at < clock_timestamp() + w.lease_ms * interval '1 millisecond'
                    THEN w.last_heartbeat_at END,
               sweeps.unbroken_since) < clock_timestamp() - w.lease_ms * interval '1 millisecond'
RETURNING w.worker_id, w.session_id";

// The session is compared once more when the row is locked. Between the snapshot and the lock another
// sweep may have released the task and a living session claimed it, and PostgreSQL does not ask the
// NOT EXISTS again for the row's new version.
const RELEASE_ORPHANS: &str = "
WITH lost AS MATERIALIZED (
    SELECT t.task_id, t.session_id FROM tasks t
    WHERE t.session_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM workers w WHERE w.session_id = t.session_id AND w.ended_at IS NULL)
    LIMIT $1
), orphans AS (
    SELECT t.task_id, t.session_id, t.attempt, t.worker_id,
           t.attempt - t.uncounted_attempts >= t.max_attempts AS used_up
    FROM lost JOIN tasks t ON t.task_id = lost.task_id AND t.session_id = lost.session_id
    FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET current_status = CASE WHEN t.cancel_requested_at IS NOT NULL THEN 'cancelled'
                              WHEN o.used_up THEN 'failed' ELSE 'retrying' END::task_status,
        completed_at = CASE WHEN o.used_up OR t.cancel_requested_at IS NOT NULL THEN clock_timestamp() END,
        available_at = CASE WHEN NOT o.used_up AND t.cancel_requested_at IS NULL THEN clock_timestamp() END,
        dispatched_at = NULL, worker_id = NULL, session_id = NULL,
        error_code = 'worker_lost',
        error_message = 'worker ' || o.worker_id || ' was lost during attempt ' || o.attempt
    FROM orphans o
    WHERE t.task_id = o.task_id AND t.session_id = o.session_id AND t.current_status = 'processing'
    RETURNING t.task_id, o.attempt, o.worker_id, t.current_status AS status
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, notes)
    SELECT task_id, status, clock_timestamp(), attempt, worker_id, 'Worker ' || worker_id || ' was lost' FROM moved
)
SELECT task_id, attempt, worker_id, status::text AS status FROM moved";

// After an outage, workers first get the time to write what they have had to keep.
const FAIL_OVERDUE: &str = "
WITH overdue AS (
    SELECT t.task_id, t.worker_id FROM tasks t, sweeps
    WHERE sweeps.duty = 'reap' AND t.session_id IS NOT NULL
      AND greatest(t.started_at + t.timeout_seconds * interval '1 second', sweeps.unbroken_since)
          < clock_timestamp() - $2 * interval '1 second'
    LIMIT $1 FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET current_status = 'failed', completed_at = clock_timestamp(), worker_id = NULL, session_id = NULL,
        error_code = 'timeout', error_message = 'ran longer than ' || t.timeout_seconds || ' s'
    FROM overdue o WHERE t.task_id = o.task_id AND t.current_status = 'processing'
    RETURNING t.task_id, t.attempt, o.worker_id, t.timeout_seconds
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, notes)
    SELECT task_id, 'failed', clock_timestamp(), attempt, worker_id, 'timeout: ran longer than ' || timeout_seconds || ' s'
    FROM moved
)
SELECT task_id, attempt, worker_id, 'failed' AS status FROM moved";

const TAKE_UNDISPATCHED: &str = "
WITH due AS (
    SELECT task_id FROM tasks
    WHERE available_at <= clock_timestamp() AND dispatched_at IS NULL
    LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE tasks t SET dispatched_at = clock_timestamp() FROM due WHERE t.task_id = due.task_id AND t.available_at IS NOT NULL
RETURNING t.task_id, t.backend, t.priority, t.correlation_id";

// Each backend with anything waiting, by jumping from one to the next in the index.
const WAITING_BACKENDS: &str = "
WITH RECURSIVE waiting AS (
    (SELECT backend FROM tasks WHERE available_at IS NOT NULL ORDER BY backend LIMIT 1)
    UNION ALL
    SELECT (SELECT backend FROM tasks WHERE available_at IS NOT NULL AND backend > waiting.backend
            ORDER BY backend LIMIT 1)
    FROM waiting WHERE waiting.backend IS NOT NULL
)
SELECT backend FROM waiting WHERE backend IS NOT NULL";

// Counts no further than is needed to see that more wait than the queue holds.
const COUNT_STALE: &str = "
SELECT count(*) AS waiting FROM (
    SELECT FROM tasks
    WHERE backend = $1 AND available_at <= clock_timestamp()
      AND dispatched_at < clock_timestamp() - $2 * interval '1 millisecond'
    LIMIT $3
) AS stale";

const TAKE_STALE: &str = "
WITH stale AS (
    SELECT task_id FROM tasks
    WHERE backend = $2 AND available_at <= clock_timestamp()
      AND dispatched_at < clock_timestamp() - $3 * interval '1 millisecond'
    ORDER BY priority DESC, task_id LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE tasks t SET dispatched_at = clock_timestamp() FROM stale WHERE t.task_id = stale.task_id AND t.available_at IS NOT NULL
RETURNING t.task_id, t.backend, t.priority, t.correlation_id";

const UNDO_DISPATCH: &str = "
UPDATE tasks SET dispatched_at = NULL WHERE task_id = ANY($1) AND available_at IS NOT NULL";

impl Store {
    /// Takes the turn at a duty if nobody did within `interval`.
    ///
    /// A row instead of an advisory lock: a process that freezes while it holds a lock would stop all
    /// sweeping.
    pub async fn take_turn(&self, duty: Duty, interval: Duration) -> Result<Turn, StoreError> {
        let name = match duty {
            Duty::Reap => "reap",
            Duty::Dispatch => "dispatch",
            Duty::Compare => "compare",
        };
        let rows: Vec<MarkedRow> = self
            .pools
            .run_control("take the sweep's turn", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE_TURN)
                        .bind::<Text, _>(name)
                        .bind::<Integer, _>(milliseconds(interval))
                        .bind::<Integer, _>(milliseconds(interval * 2)),
                )
                .load(connection)
                .await
            })
            .await?;
        Ok(if rows.iter().any(|row| row.marked) {
            Turn::Mine
        } else {
            Turn::Taken
        })
    }

    /// Ends every session that was silent for longer than its lease.
    pub async fn end_silent_sessions(&self) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<EndedRow> = self
            .pools
            .run_control("end silent sessions", async |connection| {
                Prepared(diesel::sql_query(END_SILENT))
                    .load(connection)
                    .await
            })
            .await?;
        let session = |row: EndedRow| Session {
            worker_id: row.worker_id.into(),
            session_id: row.session_id,
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Releases every running task whose session has ended or was replaced.
    pub async fn release_orphans(&self) -> Result<Vec<Moved>, StoreError> {
        self.pools
            .run_control("release orphans", async |connection| {
                Prepared(diesel::sql_query(RELEASE_ORPHANS).bind::<Integer, _>(SWEEP_ROWS))
                    .load(connection)
                    .await
            })
            .await
    }

    /// Fails every attempt that its worker has not stopped in time.
    pub async fn fail_overdue(&self) -> Result<Vec<Moved>, StoreError> {
        self.pools
            .run_control("fail overdue attempts", async |connection| {
                Prepared(
                    diesel::sql_query(FAIL_OVERDUE)
                        .bind::<Integer, _>(SWEEP_ROWS)
                        .bind::<Integer, _>(TIMEOUT_GRACE_SECONDS),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// Marks as dispatched, and returns, waiting tasks that are due and have no message: retries,
    /// and what was never published.
    pub async fn take_undispatched(&self) -> Result<Vec<StaleTask>, StoreError> {
        self.pools
            .run_control("take undispatched tasks", async |connection| {
                Prepared(diesel::sql_query(TAKE_UNDISPATCHED).bind::<Integer, _>(SWEEP_ROWS))
                    .load(connection)
                    .await
            })
            .await
    }

    /// The backends that any task waits for.
    pub async fn waiting_backends(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<BackendRow> = self
            .pools
            .run_control("find waiting backends", async |connection| {
                Prepared(diesel::sql_query(WAITING_BACKENDS))
                    .load(connection)
                    .await
            })
            .await?;
        Ok(rows.into_iter().map(|row| row.backend).collect())
    }

    /// How many tasks of the backend have waited longer than `moment` since their message; counted
    /// up to `limit`.
    pub async fn count_stale(
        &self,
        backend: &str,
        moment: Duration,
        limit: i64,
    ) -> Result<i64, StoreError> {
        let row: CountRow = self
            .pools
            .run_control("count stale tasks", async |connection| {
                Prepared(
                    diesel::sql_query(COUNT_STALE)
                        .bind::<Text, _>(backend)
                        .bind::<Integer, _>(milliseconds(moment))
                        .bind::<BigInt, _>(limit),
                )
                .get_result(connection)
                .await
            })
            .await?;
        Ok(row.waiting)
    }

    /// Marks as dispatched anew, and returns, up to `limit` tasks of the backend that have waited
    /// longer than `moment` since their message: the ones that would be claimed first.
    pub async fn take_stale(
        &self,
        backend: &str,
        limit: i64,
        moment: Duration,
    ) -> Result<Vec<StaleTask>, StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX).min(SWEEP_ROWS);
        self.pools
            .run_control("take stale tasks", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE_STALE)
                        .bind::<Integer, _>(limit)
                        .bind::<Text, _>(backend)
                        .bind::<Integer, _>(milliseconds(moment)),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// Gives back tasks that were taken for dispatch and could not be published.
    pub async fn undo_dispatch(&self, task_ids: &[Uuid]) -> Result<(), StoreError> {
        self.pools
            .run_control("undo dispatch", async |connection| {
                let statement = diesel::sql_query(UNDO_DISPATCH);
                Prepared(statement.bind::<diesel::sql_types::Array<SqlUuid>, _>(task_ids))
                    .execute(connection)
                    .await
            })
            .await
            .map(drop)
    }
}

fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
