//! The registry of workers: sessions begin, renew their leases, drain, and end.

use std::sync::LazyLock;
use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::sql::{body, fill};
use super::statement::Prepared;
use super::turn::{is_silent, turn_is_recent};
use super::{Store, StoreError};
use crate::domain::owner::Session;

/// A request to begin a session.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The new session.
    pub session: Session,
    /// The backends that the worker serves.
    pub backends: Vec<String>,
    /// Its capabilities, such as `max_parallel_tasks`.
    pub capabilities: Value,
    /// The problems that it accepts, as LIKE patterns; `None` for all.
    pub problems: Option<Vec<String>>,
    /// Other information: host, version.
    pub metadata: Value,
    /// The duration of the lease.
    pub lease: Duration,
    /// The time that the worker needs to stop a task in order.
    pub stop_grace: Duration,
    /// Whether it may replace a living session of the same name.
    pub replace: bool,
    /// Earlier sessions of the same process, which may always be replaced: a drain or a quarantine of one of them also applies
    /// to the new session. A new process has none.
    pub earlier: Vec<Uuid>,
    /// The tasks that the process has completed and failed. The counters never decrease within one process.
    pub counts: (i64, i64),
    /// The name of the token of an HTTP worker; `None` on a service without tokens, and for `qtask work`.
    pub token_name: Option<String>,
}

/// The answer to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// The session has begun.
    Begun {
        /// Whether the worker drains: it did in an earlier session of the same process.
        draining: bool,
    },
    /// A living session has this name, and may not be replaced: that was not asked for, or it belongs to another token.
    NameInUse,
    /// The registry has [`MAX_WORKERS`] sessions that have not ended, and none has this name.
    RegistryFull,
}

/// The most workers in the registry.
pub const MAX_WORKERS: i32 = 10_000;

/// The report of a worker with each heartbeat.
#[derive(Debug, Clone, Default)]
pub struct HeartbeatReport {
    /// The tasks that the worker runs.
    pub running: Vec<Uuid>,
    /// The tasks that the process has completed and failed; `None` if the service counts them.
    pub counts: Option<(i64, i64)>,
    /// Why the worker is not ready for tasks, if it is not.
    pub not_ready_reason: Option<String>,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heartbeat {
    /// The lease is renewed.
    Renewed {
        /// Reported tasks that the session no longer owns.
        lost: Vec<Uuid>,
        /// Attempts that the session owns and did not report: the answer to their claim is in transit, or was lost.
        unnamed: Vec<(Uuid, i32)>,
        /// Tasks of the session that shall be cancelled.
        cancelled: Vec<Uuid>,
        /// Whether the worker drains.
        draining: bool,
        /// The rest of the backoff, if the worker is in quarantine.
        quarantine: Option<Duration>,
    },
    /// The session was silent for longer than its lease and has ended; its tasks are lost.
    Ended,
    /// This session has replaced it.
    ReplacedBy(Uuid),
    /// No worker has this name.
    Unknown,
}

static REGISTER: LazyLock<String> =
    LazyLock::new(|| fill(include_str!("register.sql"), &[("is_silent", is_silent!())]));

const HEARTBEAT: &str = body(include_str!("heartbeat.sql"));

/// The last counters are written even if the sweep has ended the session before.
const END: &str = "
UPDATE workers
SET ended_at = coalesce(ended_at, clock_timestamp()), not_ready_reason = CASE WHEN ended_at IS NULL THEN $3 ELSE not_ready_reason END,
    tasks_completed = greatest(tasks_completed, $4), tasks_failed = greatest(tasks_failed, $5)
WHERE worker_id = $1 AND session_id = $2";

const DRAIN: &str = "
UPDATE workers SET draining_since = CASE WHEN $2 THEN coalesce(draining_since, clock_timestamp()) END
WHERE worker_id = $1";

/// Backends of living workers first, then by the last heartbeat.
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
    /// `None` if nothing was written.
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
    /// Begins a session. The tasks of the earlier session of the same name become orphans.
    pub async fn register(&self, registration: &Registration) -> Result<Registered, StoreError> {
        let lease_ms = i32::try_from(registration.lease.as_millis()).unwrap_or(i32::MAX);
        let stop_grace_ms = i32::try_from(registration.stop_grace.as_millis()).unwrap_or(i32::MAX);
        let row: RegisteredRow = self
            .pools
            .run_control("register worker", async |connection| {
                let register = Prepared(
                    diesel::sql_query(&*REGISTER)
                        .bind::<Text, _>(&*registration.session.worker_id)
                        .bind::<SqlUuid, _>(registration.session.session_id)
                        .bind::<Array<Text>, _>(&registration.backends)
                        .bind::<Jsonb, _>(&registration.capabilities)
                        .bind::<Jsonb, _>(&registration.metadata)
                        .bind::<Integer, _>(lease_ms)
                        .bind::<Bool, _>(registration.replace)
                        .bind::<Integer, _>(stop_grace_ms)
                        .bind::<Array<SqlUuid>, _>(&registration.earlier)
                        .bind::<Integer, _>(MAX_WORKERS)
                        .bind::<Nullable<Array<Text>>, _>(&registration.problems)
                        .bind::<BigInt, _>(registration.counts.0)
                        .bind::<BigInt, _>(registration.counts.1)
                        .bind::<Nullable<Text>, _>(&registration.token_name),
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

    /// Renews the lease of a session, and compares the tasks that its worker runs with those that it owns. Fails after `limit`.
    pub async fn heartbeat(
        &self,
        session: &Session,
        report: &HeartbeatReport,
        limit: Duration,
    ) -> Result<Heartbeat, StoreError> {
        let row: HeartbeatRow = self
            .pools
            .run_control_within(limit, "heartbeat", async |connection| {
                Prepared(
                    diesel::sql_query(HEARTBEAT)
                        .bind::<Text, _>(&*session.worker_id)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Array<SqlUuid>, _>(&report.running)
                        .bind::<Nullable<BigInt>, _>(report.counts.map(|(completed, _)| completed))
                        .bind::<Nullable<BigInt>, _>(report.counts.map(|(_, failed)| failed))
                        .bind::<Nullable<Text>, _>(&report.not_ready_reason),
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

    /// Ends a session that runs no tasks; `reason` is stored in the registry. `counts`: see [`HeartbeatReport`].
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

    /// Begins or ends the drain of a worker: it finishes its tasks and takes no more. Returns false if no worker has this name.
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

    /// Returns up to `limit` backends that workers in the registry serve.
    pub async fn served_backends(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<BackendRow> = self
            .pools
            .run_control("list served backends", async |connection| {
                Prepared(diesel::sql_query(BACKENDS).bind::<BigInt, _>(limit))
                    .load(connection)
                    .await
            })
            .await?;
        Ok(rows.into_iter().map(|row| row.backend).collect())
    }

    /// Returns those of the backends that workers in the registry serve.
    pub async fn served_among(&self, names: &[&str]) -> Result<Vec<String>, StoreError> {
        let rows: Vec<BackendRow> = self
            .pools
            .run_control("find served backends", async |connection| {
                Prepared(diesel::sql_query(BACKENDS_AMONG).bind::<Array<Text>, _>(names))
                    .load(connection)
                    .await
            })
            .await?;
        Ok(rows.into_iter().map(|row| row.backend).collect())
    }
}
