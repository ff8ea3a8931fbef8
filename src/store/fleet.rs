//! Reads of the worker registry.

use std::sync::LazyLock;

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

use super::sql::fill;
use super::statement::Prepared;
use super::{Json, Store, StoreError};

/// The status of a worker by its last heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkerStatus {
    /// Alive, and runs no task.
    Idle,
    /// Alive, and runs tasks.
    Busy,
    /// Its session was silent for longer than its lease, or has ended.
    Offline,
}

impl WorkerStatus {
    /// All statuses.
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

/// A text that is not the status of a worker.
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
    /// Only workers with one of these statuses; all if empty.
    pub statuses: Vec<WorkerStatus>,
    /// Only workers that serve this backend.
    pub backend: Option<String>,
}

/// A request for a page of workers.
#[derive(Debug, Clone)]
pub struct WorkerSearch {
    /// Which workers to list.
    pub filter: WorkerFilter,
    /// The last name of the previous page.
    pub after: Option<String>,
    /// The most workers on the page.
    pub limit: usize,
}

/// A page of workers.
#[derive(Debug, Clone)]
pub struct WorkerList {
    /// The workers, ordered by name.
    pub workers: Vec<WorkerRecord>,
    /// The last name of this page; `None` on the last page.
    pub next: Option<String>,
}

/// A worker in the registry.
#[derive(Debug, Clone, QueryableByName)]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct WorkerRecord {
    #[diesel(sql_type = Text)]
    pub worker_id: String,
    #[diesel(sql_type = SqlUuid)]
    pub session_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    pub token_name: Option<String>,
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
    /// The status of the worker.
    pub fn status(&self) -> WorkerStatus {
        match (self.online, self.current_tasks.is_empty()) {
            (false, _) => WorkerStatus::Offline,
            (true, true) => WorkerStatus::Idle,
            (true, false) => WorkerStatus::Busy,
        }
    }
}

fn workers(condition: &str, page: &str) -> String {
    fill(
        include_str!("fleet.sql"),
        &[("workers", condition), ("page", page)],
    )
}

static WORKER: LazyLock<String> = LazyLock::new(|| workers("w.worker_id = $1", ""));

static WORKERS: LazyLock<String> = LazyLock::new(|| {
    workers(
        "w.worker_id > $1 AND ($2 IS NULL OR $2 = ANY (w.backends))",
        "WHERE cardinality($3) = 0 OR status = ANY ($3) ORDER BY worker_id LIMIT $4",
    )
});

impl Store {
    /// Returns the worker of this name.
    pub async fn worker(&self, worker_id: &str) -> Result<Option<WorkerRecord>, StoreError> {
        self.pools
            .run_read("read worker", async |connection| {
                Prepared(diesel::sql_query(&*WORKER).bind::<Text, _>(worker_id))
                    .get_result(connection)
                    .await
                    .optional()
            })
            .await
    }

    /// Returns a page of the workers in the registry, ordered by name.
    pub async fn workers(&self, search: &WorkerSearch) -> Result<WorkerList, StoreError> {
        let statuses = search.filter.statuses.iter().map(|status| status.as_str());
        let statuses: Vec<&str> = statuses.collect();
        let mut workers: Vec<WorkerRecord> = self
            .pools
            .run_read("list workers", async |connection| {
                Prepared(
                    diesel::sql_query(&*WORKERS)
                        .bind::<Text, _>(search.after.as_deref().unwrap_or_default())
                        .bind::<Nullable<Text>, _>(&search.filter.backend)
                        .bind::<Array<Text>, _>(&statuses)
                        // One worker more than the limit shows whether there is a next page.
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
