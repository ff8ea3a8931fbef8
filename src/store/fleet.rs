//! Reading the registry: who is there, and what they do.

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Json, Store, StoreError};

/// How a worker is, by its last heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkerStatus {
    /// Alive, with nothing to do.
    Idle,
    /// Alive, with tasks in its hands.
    Busy,
    /// Silent for longer than its lease, or ended.
    Offline,
}

impl WorkerStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Idle, Self::Busy, Self::Offline];

    /// The name used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }
}

/// A word that is not the status of a worker.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not the status of a worker; use one of idle, busy, offline")]
pub struct UnknownWorkerStatus(String);

impl std::str::FromStr for WorkerStatus {
    type Err = UnknownWorkerStatus;

    fn from_str(name: &str) -> Result<Self, UnknownWorkerStatus> {
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.as_str() == name)
            .ok_or_else(|| UnknownWorkerStatus(name.to_owned()))
    }
}

/// Which workers to list.
#[derive(Debug, Clone, Default)]
pub struct WorkerFilter {
    /// Only those in one of these states; all where there are none.
    pub statuses: Vec<WorkerStatus>,
    /// Only those that serve this backend.
    pub backend: Option<String>,
}

/// A page of the workers that fit.
#[derive(Debug, Clone)]
pub struct WorkerSearch {
    /// Which they are.
    pub filter: WorkerFilter,
    /// The name that the page before ended with.
    pub after: Option<String>,
    /// The most workers on the page.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct WorkerList {
    /// By name.
    pub workers: Vec<WorkerRecord>,
    /// The name that this page ends with; None on the last page.
    pub next: Option<String>,
}

/// A worker as the registry knows it.
#[derive(Debug, Clone, QueryableByName)]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct WorkerRecord {
    #[diesel(sql_type = Text)]
    pub worker_id: String,
    #[diesel(sql_type = SqlUuid)]
    pub session_id: Uuid,
    #[diesel(sql_type = Array<Text>)]
    pub backends: Vec<String>,
    #[diesel(sql_type = Jsonb)]
    pub capabilities: Json,
    #[diesel(sql_type = Jsonb)]
    pub metadata: Json,
    #[diesel(sql_type = Timestamptz)]
    pub registered_at: OffsetDateTime,
    #[diesel(sql_type = Timestamptz)]
    pub last_heartbeat_at: OffsetDateTime,
    #[diesel(sql_type = Bool)]
    pub online: bool,
    #[diesel(sql_type = Bool)]
    pub draining: bool,
    #[diesel(sql_type = Nullable<Text>)]
    pub not_ready_reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub quarantine_reason: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub quarantined_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub quarantine_ends_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Integer)]
    pub lease_ms: i32,
    #[diesel(sql_type = BigInt)]
    pub tasks_completed: i64,
    #[diesel(sql_type = BigInt)]
    pub tasks_failed: i64,
    #[diesel(sql_type = Array<SqlUuid>)]
    pub current_tasks: Vec<Uuid>,
}

impl WorkerRecord {
    /// How it is.
    pub fn status(&self) -> WorkerStatus {
        match (self.online, self.current_tasks.is_empty()) {
            (false, _) => WorkerStatus::Offline,
            (true, true) => WorkerStatus::Idle,
            (true, false) => WorkerStatus::Busy,
        }
    }
}

// At the time of the statement, so that a worker is looked for and shown in the same state. A name
// stands for itself where $1 is one.
macro_rules! workers {
    ($names:literal, $found:literal) => {
        concat!(
            "
WITH found AS MATERIALIZED (
    SELECT w.*, CASE WHEN w.ended_at IS NOT NULL OR w.last_heartbeat_at < now() - w.lease_ms * interval '1 millisecond'
                          THEN 'offline'
                     WHEN EXISTS (SELECT FROM tasks t WHERE t.session_id = w.session_id) THEN 'busy'
                     ELSE 'idle' END AS status
    FROM workers w WHERE ",
            $names,
            "
), page AS (
    SELECT * FROM found ",
            $found,
            "
)
SELECT p.worker_id, p.session_id, p.backends, p.capabilities, p.metadata, p.registered_at, p.last_heartbeat_at,
       p.status <> 'offline' AS online, p.draining_since IS NOT NULL AS draining,
       CASE WHEN p.ended_at IS NULL AND p.draining_since IS NULL AND p.quarantine_reason IS NOT NULL
            THEN 'quarantined: ' || p.quarantine_reason ELSE p.not_ready_reason END AS not_ready_reason, p.quarantine_reason, p.quarantined_at,
       p.quarantine_ends_at, p.lease_ms, p.tasks_completed,
       p.tasks_failed,
       ARRAY(SELECT t.task_id FROM tasks t WHERE t.session_id = p.session_id ORDER BY t.task_id) AS current_tasks
FROM page p ORDER BY p.worker_id"
        )
    };
}

const WORKER: &str = workers!("w.worker_id = $1", "");

const WORKERS: &str = workers!(
    "w.worker_id > $1 AND ($2 IS NULL OR $2 = ANY (w.backends))",
    "WHERE cardinality($3) = 0 OR status = ANY ($3) ORDER BY worker_id LIMIT $4"
);

impl Store {
    /// The worker of this name.
    pub async fn worker(&self, worker_id: &str) -> Result<Option<WorkerRecord>, StoreError> {
        self.pools
            .run_read("read worker", async |connection| {
                Prepared(diesel::sql_query(WORKER).bind::<Text, _>(worker_id))
                    .get_result(connection)
                    .await
                    .optional()
            })
            .await
    }

    /// A page of the workers that the registry knows, by name.
    pub async fn workers(&self, search: &WorkerSearch) -> Result<WorkerList, StoreError> {
        let statuses = search.filter.statuses.iter().map(|status| status.as_str());
        let statuses: Vec<&str> = statuses.collect();
        let mut workers: Vec<WorkerRecord> = self
            .pools
            .run_read("list workers", async |connection| {
                Prepared(
                    diesel::sql_query(WORKERS)
                        .bind::<Text, _>(search.after.as_deref().unwrap_or_default())
                        .bind::<Nullable<Text>, _>(&search.filter.backend)
                        .bind::<Array<Text>, _>(&statuses)
                        // One more says whether there is another page.
                        .bind::<BigInt, _>(i64::try_from(search.limit).unwrap_or(i64::MAX - 1) + 1),
                )
                .load(connection)
                .await
            })
            .await?;
        let more = workers.len() > search.limit;
        workers.truncate(search.limit);
        let last = workers.last().filter(|_| more);
        Ok(WorkerList {
            next: last.map(|worker| worker.worker_id.clone()),
            workers,
        })
    }
}
