//! The registry of workers: sessions begin, renew their lease, and end.

use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::owner::Session;

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
    },
    /// The session was silent for too long and has ended; its tasks are lost.
    Ended,
    /// The worker's name belongs to this session now.
    ReplacedBy(Uuid),
}

// The old session's tasks are left to `Store::release_orphans`: they have no living session from
// here on.
const REGISTER: &str = "
INSERT INTO workers (worker_id, session_id, backends, capabilities, metadata, lease_ms)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (worker_id) DO UPDATE
SET session_id = excluded.session_id, backends = excluded.backends, capabilities = excluded.capabilities,
    metadata = excluded.metadata, lease_ms = excluded.lease_ms, registered_at = clock_timestamp(),
    last_heartbeat_at = clock_timestamp(), ended_at = NULL";

const HEARTBEAT: &str = "
WITH renewed AS (
    UPDATE workers SET last_heartbeat_at = clock_timestamp(), tasks_completed = $4, tasks_failed = $5
    WHERE worker_id = $1 AND session_id = $2 AND ended_at IS NULL
    RETURNING session_id
), held AS MATERIALIZED (
    SELECT task_id FROM unnest($3) AS h(task_id)
), owned AS MATERIALIZED (
    SELECT task_id, attempt FROM tasks WHERE session_id = $2
), unnamed AS (
    SELECT array_agg(task_id) AS task_ids, array_agg(attempt) AS attempts FROM owned
    WHERE NOT EXISTS (SELECT FROM held WHERE held.task_id = owned.task_id)
)
SELECT EXISTS (SELECT FROM renewed) AS renewed,
       (SELECT session_id FROM workers WHERE worker_id = $1 AND session_id <> $2) AS replaced_by,
       ARRAY(SELECT task_id FROM held
             WHERE NOT EXISTS (SELECT FROM owned WHERE owned.task_id = held.task_id)) AS lost,
       coalesce(unnamed.task_ids, '{}') AS unnamed, coalesce(unnamed.attempts, '{}') AS unnamed_attempts
FROM unnamed";

const END: &str = "
UPDATE workers SET ended_at = clock_timestamp() WHERE worker_id = $1 AND session_id = $2 AND ended_at IS NULL";

const BACKENDS: &str = "SELECT DISTINCT unnest(backends) AS backend FROM workers";

#[derive(QueryableByName)]
struct HeartbeatRow {
    #[diesel(sql_type = Bool)]
    renewed: bool,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    replaced_by: Option<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    lost: Vec<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    unnamed: Vec<Uuid>,
    #[diesel(sql_type = Array<Integer>)]
    unnamed_attempts: Vec<i32>,
}

#[derive(QueryableByName)]
struct BackendRow {
    #[diesel(sql_type = Nullable<Text>)]
    backend: Option<String>,
}

impl Store {
    /// Begins a session. An older one of the same name has ended with this: its tasks are orphans.
    pub async fn register(
        &self,
        session: &Session,
        backends: &[String],
        capabilities: &Value,
        metadata: &Value,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let lease_ms = i32::try_from(lease.as_millis()).unwrap_or(i32::MAX);
        self.pools
            .run_control("register worker", async |connection| {
                Prepared(
                    diesel::sql_query(REGISTER)
                        .bind::<Text, _>(&*session.worker_id)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Array<Text>, _>(backends)
                        .bind::<Jsonb, _>(capabilities)
                        .bind::<Jsonb, _>(metadata)
                        .bind::<Integer, _>(lease_ms),
                )
                .execute(connection)
                .await
            })
            .await
            .map(drop)
    }

    /// Renews the lease of everything that the session runs, and compares what it has in its hands
    /// with what it owns. Given up after `limit`.
    pub async fn heartbeat(
        &self,
        session: &Session,
        held: &[Uuid],
        completed: i64,
        failed: i64,
        limit: Duration,
    ) -> Result<Heartbeat, StoreError> {
        let row: HeartbeatRow = self
            .pools
            .run_control_within(limit, "heartbeat", async |connection| {
                Prepared(
                    diesel::sql_query(HEARTBEAT)
                        .bind::<Text, _>(&*session.worker_id)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Array<SqlUuid>, _>(held)
                        .bind::<BigInt, _>(completed)
                        .bind::<BigInt, _>(failed),
                )
                .get_result(connection)
                .await
            })
            .await?;
        Ok(match row {
            HeartbeatRow {
                renewed: true,
                lost,
                unnamed,
                unnamed_attempts,
                ..
            } => Heartbeat::Renewed {
                lost,
                unnamed: unnamed.into_iter().zip(unnamed_attempts).collect(),
            },
            HeartbeatRow {
                replaced_by: Some(session_id),
                ..
            } => Heartbeat::ReplacedBy(session_id),
            HeartbeatRow { .. } => Heartbeat::Ended,
        })
    }

    /// Ends a session that has nothing in its hands any more; a session that has already ended is
    /// left as it is.
    pub async fn end_session(&self, session: &Session) -> Result<(), StoreError> {
        self.pools
            .run_control("end session", async |connection| {
                Prepared(
                    diesel::sql_query(END)
                        .bind::<Text, _>(&*session.worker_id)
                        .bind::<SqlUuid, _>(session.session_id),
                )
                .execute(connection)
                .await
            })
            .await
            .map(drop)
    }

    /// The backends that any worker has ever served.
    pub async fn backends_ever_served(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<BackendRow> = self
            .pools
            .run_control("backends", async |connection| {
                Prepared(diesel::sql_query(BACKENDS)).load(connection).await
            })
            .await?;
        Ok(rows.into_iter().filter_map(|row| row.backend).collect())
    }
}
