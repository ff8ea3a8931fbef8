//! What heals: dead sessions, lost tasks, overdue attempts, and tasks whose message is gone.
//!
//! Each statement here finds its rows and moves them in one go, so that any number of processes may
//! run them at once, and a process that dies between two of them leaves nothing half done.

use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Integer, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::Prepared;
use super::turn::{is_silent, key_is_over, turn_is_recent};
use super::{Store, StoreError};
use crate::domain::owner::Session;
use crate::metrics;

/// A task that the sweep moved.
#[derive(Debug, Clone, QueryableByName)]
pub struct Transition {
    /// The task.
    #[diesel(sql_type = SqlUuid)]
    pub task_id: Uuid,
    /// Its backend.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// The attempt that was lost.
    #[diesel(sql_type = Integer)]
    pub attempt: i32,
    /// The worker that had it.
    #[diesel(sql_type = Text)]
    pub worker_id: String,
    /// The status that it went to.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// Given at its submission.
    #[diesel(sql_type = Text)]
    pub correlation_id: String,
}

impl Transition {
    fn count(&self) {
        if let Ok(to) = self.status.parse() {
            metrics::task_moved(&self.backend, to);
        }
    }
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
    ///
    /// A level more for each step that it has waited.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// Goes into the message.
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

#[derive(QueryableByName)]
struct EndedRow {
    #[diesel(sql_type = Text)]
    worker_id: String,
    #[diesel(sql_type = SqlUuid)]
    session_id: Uuid,
}

impl EndedRow {
    fn into_session(self) -> Session {
        Session {
            worker_id: self.worker_id.into(),
            session_id: self.session_id,
        }
    }
}

/// How long the registry remembers a worker after its end.
const WORKERS_KEPT_DAYS: i32 = 7;
/// The most rows that one statement of a sweep moves; the rest waits for the next statement.
pub const SWEEP_ROWS: i32 = 500;
/// How long after its timeout an attempt is failed here, its worker having had its chance.
const TIMEOUT_GRACE: Duration = Duration::from_secs(30);

const END_SILENT: &str = concat!(
    "UPDATE workers w SET ended_at = clock_timestamp()
FROM sweeps
WHERE sweeps.duty = 'reap' AND w.ended_at IS NULL AND ",
    is_silent!(),
    "
RETURNING w.worker_id, w.session_id"
);

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
        waits_since = clock_timestamp(), dispatched_at = NULL, worker_id = NULL, session_id = NULL,
        error_code = CASE WHEN t.cancel_requested_at IS NULL THEN 'worker_lost' END,
        error_message = CASE WHEN t.cancel_requested_at IS NULL
                             THEN 'worker ' || o.worker_id || ' was lost during attempt ' || o.attempt END
    FROM orphans o
    WHERE t.task_id = o.task_id AND t.session_id = o.session_id AND t.current_status = 'processing'
    RETURNING t.task_id, t.backend, o.attempt, o.worker_id, t.current_status AS status, t.correlation_id
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, notes)
    SELECT task_id, status, clock_timestamp(), attempt, worker_id,
           CASE WHEN status = 'cancelled' THEN 'Cancelled on request; the worker was lost'
                ELSE 'Worker was lost' END
    FROM moved
)
SELECT task_id, backend, attempt, worker_id, status::text AS status, correlation_id FROM moved";

// How long a worker has to stop an attempt in order: what the sweep allows everyone, or what the worker
// has said that it may need, and some time to write what came of it.
macro_rules! stop_time {
    () => {
        "greatest($2, CASE WHEN w.stop_grace_ms > 0 THEN w.stop_grace_ms + 10000 END) * interval '1 millisecond'"
    };
}

// Its owner's own clock says when an attempt is over; this is for one that renews its lease and does not stop.
// Time counts for as long as the clock is known to have gone on evenly. After an outage, workers first get
// the time to write what they have had to keep.
const FAIL_OVERDUE: &str = concat!(
    "WITH overdue AS (
    SELECT t.task_id, t.worker_id FROM sweeps, tasks t JOIN workers w ON w.session_id = t.session_id
    WHERE sweeps.duty = 'reap' AND t.session_id IS NOT NULL AND t.cancel_requested_at IS NULL AND ",
    turn_is_recent!("interval '10 seconds'"),
    "
      AND greatest(greatest(CASE WHEN t.started_at <= clock_timestamp() THEN t.started_at END, sweeps.steady_since)
                   + t.timeout_seconds * interval '1 second', sweeps.unbroken_since)
          < clock_timestamp() - ",
    stop_time!(),
    "
    LIMIT $1 FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET current_status = 'failed', completed_at = clock_timestamp(), worker_id = NULL, session_id = NULL,
        error_code = 'timeout', error_message = 'ran longer than ' || t.timeout_seconds || ' s'
    FROM overdue o WHERE t.task_id = o.task_id AND t.current_status = 'processing'
    RETURNING t.task_id, t.backend, t.attempt, o.worker_id, t.timeout_seconds, t.correlation_id
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, notes)
    SELECT task_id, 'failed', clock_timestamp(), attempt, worker_id, 'timeout: ran longer than ' || timeout_seconds || ' s'
    FROM moved
)
SELECT task_id, backend, attempt, worker_id, 'failed' AS status, correlation_id FROM moved"
);

// A worker that was told and did not stop its work, or cannot hear, must not keep the task.
const FENCE_CANCELLED: &str = concat!(
    "WITH deaf AS (
    SELECT t.task_id, t.worker_id FROM sweeps, tasks t JOIN workers w ON w.session_id = t.session_id
    WHERE sweeps.duty = 'reap' AND t.session_id IS NOT NULL AND t.cancel_requested_at IS NOT NULL AND ",
    turn_is_recent!("interval '10 seconds'"),
    "
      AND greatest(CASE WHEN t.cancel_requested_at <= clock_timestamp() THEN t.cancel_requested_at END,
                   sweeps.unbroken_since) < clock_timestamp() - ",
    stop_time!(),
    "
    LIMIT $1 FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET current_status = 'cancelled', completed_at = clock_timestamp(), worker_id = NULL, session_id = NULL
    FROM deaf WHERE t.task_id = deaf.task_id AND t.current_status = 'processing'
    RETURNING t.task_id, t.backend, t.attempt, deaf.worker_id, t.correlation_id
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, notes)
    SELECT task_id, 'cancelled', clock_timestamp(), attempt, worker_id,
           'Cancelled on request; the worker did not answer'
    FROM moved
)
SELECT task_id, backend, attempt, worker_id, 'cancelled' AS status, correlation_id FROM moved"
);

// The row is locked before it is judged: a worker that comes back at this min_age keeps it.
const FORGET_WORKERS: &str = "
DELETE FROM workers WHERE session_id IN (
    SELECT w.session_id FROM workers w
    WHERE w.ended_at < clock_timestamp() - $1 * interval '1 day'
      AND NOT EXISTS (SELECT FROM tasks t WHERE t.session_id = w.session_id)
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING worker_id, session_id";

// The priority of a message: a level more for each step that its task has waited, so that no task waits
// behind newer ones for ever. Bind $1 is the step in milliseconds.
macro_rules! message_priority {
    ($at:literal) => {
        concat!(
            "least(10, t.priority + greatest(0, floor(extract(epoch FROM ",
            $at,
            " - t.submitted_at) * 1000 / $1)))::smallint"
        )
    };
}

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
    LIMIT $2 FOR UPDATE SKIP LOCKED
) ",
    dispatch!("due")
);

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

// Counts no further than is needed to see that more wait than the queue holds. A message from the future was sent
// before the clock was set back.
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

// Looks at the head of the line only: who stands there is served first, and then the next ones move up.
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

// A key in use again is looked at once more when its row is locked.
const FORGET_KEYS: &str = concat!(
    "WITH expired AS (
    SELECT key FROM idempotency_keys k WHERE ",
    key_is_over!("$1"),
    "
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency_keys k USING expired WHERE k.key = expired.key"
);

impl Store {
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
        Ok(rows.into_iter().map(EndedRow::into_session).collect())
    }

    /// Releases every running task whose session has ended or was replaced.
    pub async fn release_orphans(&self) -> Result<Vec<Transition>, StoreError> {
        self.pools
            .run_control("release orphans", async |connection| {
                Prepared(diesel::sql_query(RELEASE_ORPHANS).bind::<Integer, _>(SWEEP_ROWS))
                    .load(connection)
                    .await
            })
            .await
            .inspect(|moved: &Vec<Transition>| moved.iter().for_each(Transition::count))
    }

    /// Fails every attempt that its worker has not stopped in time.
    pub async fn fail_overdue(&self) -> Result<Vec<Transition>, StoreError> {
        self.pools
            .run_control("fail overdue attempts", async |connection| {
                Prepared(
                    diesel::sql_query(FAIL_OVERDUE)
                        .bind::<Integer, _>(SWEEP_ROWS)
                        .bind::<Integer, _>(milliseconds(TIMEOUT_GRACE)),
                )
                .load(connection)
                .await
            })
            .await
            .inspect(|moved: &Vec<Transition>| moved.iter().for_each(Transition::count))
    }

    /// Cancels every running task whose owner was asked to stop it more than `grace` ago.
    pub async fn fence_cancelled(&self, grace: Duration) -> Result<Vec<Transition>, StoreError> {
        self.pools
            .run_control("fence cancelled tasks", async |connection| {
                Prepared(
                    diesel::sql_query(FENCE_CANCELLED)
                        .bind::<Integer, _>(SWEEP_ROWS)
                        .bind::<Integer, _>(milliseconds(grace)),
                )
                .load(connection)
                .await
            })
            .await
            .inspect(|moved: &Vec<Transition>| moved.iter().for_each(Transition::count))
    }

    /// Deletes idempotency keys whose time is over, and says how many.
    pub async fn delete_expired_keys(&self) -> Result<usize, StoreError> {
        self.pools
            .run_control("forget idempotency keys", async |connection| {
                Prepared(
                    diesel::sql_query(FORGET_KEYS)
                        .bind::<Integer, _>(self.rules.idempotency_seconds())
                        .bind::<Integer, _>(SWEEP_ROWS),
                )
                .execute(connection)
                .await
            })
            .await
    }

    /// Deletes workers that ended long ago and own nothing.
    pub async fn forget_workers(&self) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<EndedRow> = self
            .pools
            .run_control("forget workers", async |connection| {
                Prepared(
                    diesel::sql_query(FORGET_WORKERS)
                        .bind::<Integer, _>(WORKERS_KEPT_DAYS)
                        .bind::<Integer, _>(SWEEP_ROWS),
                )
                .load(connection)
                .await
            })
            .await?;
        Ok(rows.into_iter().map(EndedRow::into_session).collect())
    }

    /// Marks as dispatched, and returns, waiting tasks that are due and have no message: retries,
    /// and what was never published.
    pub async fn take_undispatched(&self) -> Result<Vec<StaleTask>, StoreError> {
        self.pools
            .run_control("take undispatched tasks", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE_UNDISPATCHED)
                        .bind::<Integer, _>(self.rules.priority_aging_interval_ms())
                        .bind::<Integer, _>(SWEEP_ROWS),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// The backends that any task waits for.
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

    /// How many tasks of the backend have waited longer than `min_age` since their message; counted
    /// up to `limit`.
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

    /// Marks as dispatched anew, and returns, up to `limit` tasks of the backend that have waited
    /// longer than `min_age` since their message: the ones that would be claimed first.
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
                        .bind::<Integer, _>(self.rules.priority_aging_interval_ms())
                        .bind::<Integer, _>(limit)
                        .bind::<Text, _>(backend)
                        .bind::<Integer, _>(milliseconds(min_age)),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// Marks as dispatched anew, and returns, tasks of the backend at the head of the line whose
    /// message is of a lower priority than they have by now.
    pub async fn take_aged(&self, backend: &str) -> Result<Vec<StaleTask>, StoreError> {
        self.pools
            .run_control("take aged tasks", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE_AGED)
                        .bind::<Integer, _>(self.rules.priority_aging_interval_ms())
                        .bind::<Integer, _>(SWEEP_ROWS)
                        .bind::<Text, _>(backend),
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

pub(super) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
