//! The registry of workers: sessions begin, renew their lease, drain, and end.

use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::statement::Prepared;
use super::turn::{is_silent, turn_is_recent};
use super::{Store, StoreError};
use crate::domain::owner::Session;

/// What a worker says of itself when it begins a session.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The session that begins.
    pub session: Session,
    /// What it serves.
    pub backends: Vec<String>,
    /// What it can, such as `max_parallel_tasks`.
    pub capabilities: Value,
    /// The problems that it takes, as patterns of LIKE; None for all.
    pub problems: Option<Vec<String>>,
    /// Anything else: host, version.
    pub metadata: Value,
    /// How long it may be silent.
    pub lease: Duration,
    /// How long it may take to stop a task in order.
    pub stop_grace: Duration,
    /// Whether it takes the name from a session that is alive.
    pub replace: bool,
    /// Sessions that the same process has begun before: a drain or a quarantine of one of them holds for the
    /// new one, too. A new process starts without.
    pub earlier: Vec<Uuid>,
    /// Tasks completed and failed by the process so far. Counters never go back within one process.
    pub counts: (i64, i64),
}

/// The answer to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// The session has begun.
    Begun {
        /// Whether it is to take no tasks for now: it goes on with a session that was told so.
        draining: bool,
    },
    /// The name belongs to a session that is alive and is not to be replaced.
    NameInUse,
    /// The registry has [`MOST_WORKERS`] names of sessions that have not ended, and this is none of them.
    RegistryFull,
}

/// The most names in the registry.
pub const MOST_WORKERS: i32 = 10_000;

/// What a worker says with each heartbeat.
#[derive(Debug, Clone, Default)]
pub struct HeartbeatReport {
    /// The tasks that it has in its hands.
    pub held: Vec<Uuid>,
    /// Tasks completed and failed by this process so far; None where the service counts them.
    pub counts: Option<(i64, i64)>,
    /// Why it takes no tasks at the moment.
    pub not_ready_reason: Option<String>,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heartbeat {
    /// The lease is renewed.
    Renewed {
        /// Those of the tasks named that the session does not own any more.
        lost: Vec<Uuid>,
        /// Attempts that the session owns and did not name: the answer to their claim is on its
        /// way, or was lost.
        unnamed: Vec<(Uuid, i32)>,
        /// Tasks of the session that are to be stopped.
        cancelled: Vec<Uuid>,
        /// Whether it is to take no more tasks.
        draining: bool,
        /// What is left of the backoff, where the worker is in quarantine.
        quarantine: Option<Duration>,
    },
    /// The session was silent for too long and has ended; its tasks are lost.
    Ended,
    /// The worker's name belongs to this session now.
    ReplacedBy(Uuid),
    /// No worker has this name.
    Unknown,
}

// The old session's tasks are left to `Store::release_orphans`: they have no living session from
// here on.
// Names are only counted for a new one. In a full registry the sessions that ended first give way to it, as many as
// there are names too many: registrations at the same moment, which do not see each other, may exceed the limit by
// their number. A row is judged again once it is locked, so that a name that was just registered again stays.
const REGISTER: &str = concat!(
    "WITH known AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM workers WHERE worker_id = $1) AS known
), registry AS MATERIALIZED (
    SELECT known, CASE WHEN known THEN 0 ELSE (SELECT count(*) FROM workers) END AS names FROM known
), evicted AS (
    DELETE FROM workers WHERE worker_id IN (
        SELECT w.worker_id FROM workers w
        WHERE w.ended_at IS NOT NULL AND (SELECT names >= $10 FROM registry)
          AND NOT EXISTS (SELECT FROM tasks t WHERE t.session_id = w.session_id)
        ORDER BY w.ended_at, w.worker_id LIMIT (SELECT greatest(names - $10 + 1, 0) FROM registry)
        FOR UPDATE SKIP LOCKED
    )
    RETURNING worker_id
), admitted AS MATERIALIZED (
    SELECT known OR names - (SELECT count(*) FROM evicted) < $10 AS admitted FROM registry
), written AS (
    INSERT INTO workers AS w (worker_id, session_id, backends, capabilities, metadata, lease_ms, stop_grace_ms, problems,
                              tasks_completed, tasks_failed)
    SELECT $1, $2, $3, $4, $5, $6, $8, $11, $12, $13 FROM admitted WHERE admitted
    ON CONFLICT (worker_id) DO UPDATE
    SET session_id = excluded.session_id, backends = excluded.backends, capabilities = excluded.capabilities,
        metadata = excluded.metadata, lease_ms = excluded.lease_ms, stop_grace_ms = excluded.stop_grace_ms,
        registered_at = clock_timestamp(), last_heartbeat_at = clock_timestamp(), ended_at = NULL, not_ready_reason = NULL,
        problems = excluded.problems,
        draining_since = CASE WHEN w.session_id = ANY ($9) THEN w.draining_since END,
        blamed_in_row = CASE WHEN w.session_id = ANY ($9) THEN w.blamed_in_row ELSE 0 END,
        quarantined_at = CASE WHEN w.session_id = ANY ($9) THEN w.quarantined_at END,
        quarantine_ends_at = CASE WHEN w.session_id = ANY ($9) THEN w.quarantine_ends_at END,
        quarantine_reason = CASE WHEN w.session_id = ANY ($9) THEN w.quarantine_reason END,
        quarantine_round = CASE WHEN w.session_id = ANY ($9) THEN w.quarantine_round ELSE 0 END,
        tasks_completed = greatest(CASE WHEN w.session_id = ANY ($9) THEN w.tasks_completed ELSE 0 END, excluded.tasks_completed),
        tasks_failed = greatest(CASE WHEN w.session_id = ANY ($9) THEN w.tasks_failed ELSE 0 END, excluded.tasks_failed)
    WHERE $7 OR w.ended_at IS NOT NULL OR EXISTS (SELECT FROM sweeps WHERE sweeps.duty = 'reap' AND ",
    is_silent!(),
    ")
    RETURNING w.draining_since IS NOT NULL AS draining
)
SELECT admitted, (SELECT draining FROM written) AS draining FROM admitted"
);

const HEARTBEAT: &str = "
WITH renewed AS (
    UPDATE workers
    SET last_heartbeat_at = clock_timestamp(), tasks_completed = greatest(tasks_completed, $4),
        tasks_failed = greatest(tasks_failed, $5), not_ready_reason = $6
    WHERE worker_id = $1 AND session_id = $2 AND ended_at IS NULL
    RETURNING draining_since, quarantine_ends_at
), held AS MATERIALIZED (
    SELECT task_id FROM unnest($3) AS h(task_id)
), owned AS MATERIALIZED (
    SELECT task_id, attempt, cancel_requested_at FROM tasks WHERE session_id = $2
), unnamed AS (
    SELECT array_agg(task_id) AS task_ids, array_agg(attempt) AS attempts FROM owned
    WHERE NOT EXISTS (SELECT FROM held WHERE held.task_id = owned.task_id)
)
SELECT EXISTS (SELECT FROM renewed) AS renewed,
       EXISTS (SELECT FROM renewed WHERE draining_since IS NOT NULL) AS draining,
       (SELECT (extract(epoch FROM quarantine_ends_at - now()) * 1000)::bigint FROM renewed) AS quarantine_ms,
       (SELECT session_id FROM workers WHERE worker_id = $1) AS current_session,
       ARRAY(SELECT task_id FROM held
             WHERE NOT EXISTS (SELECT FROM owned WHERE owned.task_id = held.task_id)) AS lost,
       ARRAY(SELECT task_id FROM owned WHERE cancel_requested_at IS NOT NULL) AS cancelled,
       coalesce(unnamed.task_ids, '{}') AS unnamed, coalesce(unnamed.attempts, '{}') AS unnamed_attempts
FROM unnamed";

// The last counts are written even where the sweep has ended the session first.
const END: &str = "
UPDATE workers
SET ended_at = coalesce(ended_at, clock_timestamp()), not_ready_reason = CASE WHEN ended_at IS NULL THEN $3 ELSE not_ready_reason END,
    tasks_completed = greatest(tasks_completed, $4), tasks_failed = greatest(tasks_failed, $5)
WHERE worker_id = $1 AND session_id = $2";

const DRAIN: &str = "
UPDATE workers SET draining_since = CASE WHEN $2 THEN coalesce(draining_since, clock_timestamp()) END
WHERE worker_id = $1";

// Those of living workers first, then those that were served last.
const BACKENDS: &str = "
SELECT served.backend FROM workers CROSS JOIN LATERAL unnest(backends) AS served(backend)
GROUP BY served.backend ORDER BY bool_or(ended_at IS NULL) DESC, max(last_heartbeat_at) DESC, served.backend LIMIT $1";

const BACKENDS_AMONG: &str = "
SELECT DISTINCT served.backend FROM workers CROSS JOIN LATERAL unnest(backends) AS served(backend)
WHERE served.backend = ANY ($1)";

#[derive(QueryableByName)]
struct RegisteredRow {
    #[diesel(sql_type = Bool)]
    admitted: bool,
    /// None where nothing was written.
    #[diesel(sql_type = Nullable<Bool>)]
    draining: Option<bool>,
}

#[derive(QueryableByName)]
struct HeartbeatRow {
    #[diesel(sql_type = Bool)]
    renewed: bool,
    #[diesel(sql_type = Bool)]
    draining: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    quarantine_ms: Option<i64>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    current_session: Option<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    lost: Vec<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    cancelled: Vec<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    unnamed: Vec<Uuid>,
    #[diesel(sql_type = Array<Integer>)]
    unnamed_attempts: Vec<i32>,
}

#[derive(QueryableByName)]
struct BackendRow {
    #[diesel(sql_type = Text)]
    backend: String,
}

impl Store {
    /// Begins a session. An older one of the same name has ended with this: its tasks are orphans.
    pub async fn register(&self, registration: &Registration) -> Result<Registered, StoreError> {
        let lease_ms = i32::try_from(registration.lease.as_millis()).unwrap_or(i32::MAX);
        let stop_grace_ms = i32::try_from(registration.stop_grace.as_millis()).unwrap_or(i32::MAX);
        let row: RegisteredRow = self
            .pools
            .run_control("register worker", async |connection| {
                let register = Prepared(
                    diesel::sql_query(REGISTER)
                        .bind::<Text, _>(&*registration.session.worker_id)
                        .bind::<SqlUuid, _>(registration.session.session_id)
                        .bind::<Array<Text>, _>(&registration.backends)
                        .bind::<Jsonb, _>(&registration.capabilities)
                        .bind::<Jsonb, _>(&registration.metadata)
                        .bind::<Integer, _>(lease_ms)
                        .bind::<Bool, _>(registration.replace)
                        .bind::<Integer, _>(stop_grace_ms)
                        .bind::<Array<SqlUuid>, _>(&registration.earlier)
                        .bind::<Integer, _>(MOST_WORKERS)
                        .bind::<Nullable<Array<Text>>, _>(&registration.problems)
                        .bind::<BigInt, _>(registration.counts.0)
                        .bind::<BigInt, _>(registration.counts.1),
                );
                let schema = self.pools.schema();
                let registering = async |connection: &mut _| register.get_result(connection).await;
                schema.before(connection, registering).await
            })
            .await?
            .map_err(StoreError::Schema)?;
        Ok(match row.draining {
            Some(draining) => Registered::Begun { draining },
            None if row.admitted => Registered::NameInUse,
            None => Registered::RegistryFull,
        })
    }

    /// Renews the lease of everything that the session runs, and compares what it has in its hands
    /// with what it owns. Given up after `limit`.
    pub async fn heartbeat(
        &self,
        session: &Session,
        beat: &HeartbeatReport,
        limit: Duration,
    ) -> Result<Heartbeat, StoreError> {
        let row: HeartbeatRow = self
            .pools
            .run_control_within(limit, "heartbeat", async |connection| {
                Prepared(
                    diesel::sql_query(HEARTBEAT)
                        .bind::<Text, _>(&*session.worker_id)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Array<SqlUuid>, _>(&beat.held)
                        .bind::<Nullable<BigInt>, _>(beat.counts.map(|(completed, _)| completed))
                        .bind::<Nullable<BigInt>, _>(beat.counts.map(|(_, failed)| failed))
                        .bind::<Nullable<Text>, _>(&beat.not_ready_reason),
                )
                .get_result(connection)
                .await
            })
            .await?;
        Ok(match row.current_session {
            _ if row.renewed => Heartbeat::Renewed {
                lost: row.lost,
                unnamed: row.unnamed.into_iter().zip(row.unnamed_attempts).collect(),
                cancelled: row.cancelled,
                draining: row.draining,
                quarantine: row.quarantine_ms.map(super::quarantine::left),
            },
            None => Heartbeat::Unknown,
            Some(current) if current == session.session_id => Heartbeat::Ended,
            Some(other) => Heartbeat::ReplacedBy(other),
        })
    }

    /// Ends a session that runs nothing any more; `reason` goes into the registry.
    /// `counts` is as in a [`HeartbeatReport`].
    pub async fn end_session(
        &self,
        session: &Session,
        reason: Option<&str>,
        counts: Option<(i64, i64)>,
    ) -> Result<(), StoreError> {
        self.pools
            .run_control("end session", async |connection| {
                Prepared(
                    diesel::sql_query(END)
                        .bind::<Text, _>(&*session.worker_id)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Nullable<Text>, _>(reason)
                        .bind::<Nullable<BigInt>, _>(counts.map(|(completed, _)| completed))
                        .bind::<Nullable<BigInt>, _>(counts.map(|(_, failed)| failed)),
                )
                .execute(connection)
                .await
            })
            .await
            .map(drop)
    }

    /// Lets a worker finish what it has and take no more, or lets it take tasks again; false where no
    /// worker has this name.
    pub async fn drain(&self, worker_id: &str, draining: bool) -> Result<bool, StoreError> {
        let found = self
            .pools
            .run_control("drain worker", async |connection| {
                Prepared(
                    diesel::sql_query(DRAIN)
                        .bind::<Text, _>(worker_id)
                        .bind::<Bool, _>(draining),
                )
                .execute(connection)
                .await
            })
            .await?;
        Ok(found > 0)
    }

    /// Up to `limit` backends of the workers in the registry.
    pub async fn served_backends(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<BackendRow> = self
            .pools
            .run_control("backends", async |connection| {
                Prepared(diesel::sql_query(BACKENDS).bind::<BigInt, _>(limit))
                    .load(connection)
                    .await
            })
            .await?;
        Ok(rows.into_iter().map(|row| row.backend).collect())
    }

    /// Those of the names that workers in the registry serve.
    pub async fn served_among(&self, names: &[&str]) -> Result<Vec<String>, StoreError> {
        let rows: Vec<BackendRow> = self
            .pools
            .run_control("find backends", async |connection| {
                Prepared(diesel::sql_query(BACKENDS_AMONG).bind::<Array<Text>, _>(names))
                    .load(connection)
                    .await
            })
            .await?;
        Ok(rows.into_iter().map(|row| row.backend).collect())
    }
}
