//! The load of each backend: waiting and running tasks, workers, run times.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use time::OffsetDateTime;

use super::sql::body;
use super::statement::Prepared;
use super::{Store, StoreError};

/// The load of a backend.
#[derive(Debug, Clone, QueryableByName)]
pub struct BackendRecord {
    /// The name of the backend.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// The living workers that serve it.
    #[diesel(sql_type = BigInt)]
    pub workers_online: i64,
    /// The number of tasks that may run at once on the living workers that take tasks.
    #[diesel(sql_type = BigInt)]
    pub slots_online: i64,
    /// The waiting tasks, counted up to [`COUNTED_WAITING`] + 1.
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// The running tasks.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// The time since the submission of the oldest counted task.
    #[diesel(sql_type = Nullable<Double>)]
    pub oldest_wait_seconds: Option<f64>,
    /// The median duration of the last attempt, over the last 100 completed tasks.
    #[diesel(sql_type = Nullable<Double>)]
    pub median_run_seconds: Option<f64>,
    /// Since when it is paused.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub paused_at: Option<OffsetDateTime>,
    /// Why it is paused.
    #[diesel(sql_type = Nullable<Text>)]
    pub pause_reason: Option<String>,
    /// Who paused it.
    #[diesel(sql_type = Nullable<Text>)]
    pub paused_by: Option<String>,
}

/// The most waiting tasks of a backend that are counted.
pub const COUNTED_WAITING: i32 = 10_000;

/// A page of backends.
#[derive(Debug, Clone)]
pub struct BackendList {
    /// The backends, ordered by name.
    pub backends: Vec<BackendRecord>,
    /// The last name of this page; `None` on the last page.
    pub next: Option<String>,
}

const BACKENDS: &str = body(include_str!("backends.sql"));

impl Store {
    /// Returns up to `limit` backends with names after `after` that have waiting or running tasks, are served by a worker in the
    /// registry, are paused, or are configured.
    pub async fn backends(
        &self,
        configured: &[String],
        after: &str,
        limit: u16,
    ) -> Result<BackendList, StoreError> {
        let mut backends: Vec<BackendRecord> = self
            .pools
            .run_read("list backends", async |connection| {
                Prepared(
                    diesel::sql_query(BACKENDS)
                        .bind::<Array<Text>, _>(configured)
                        .bind::<Integer, _>(COUNTED_WAITING)
                        .bind::<Text, _>(after)
                        .bind::<Integer, _>(i32::from(limit)),
                )
                .load(connection)
                .await
            })
            .await?;
        let more = backends.len() > usize::from(limit);
        backends.truncate(usize::from(limit));
        let last = backends.last().filter(|_| more);
        Ok(BackendList {
            next: last.map(|last| last.backend.clone()),
            backends,
        })
    }
}
