//! The tasks and workers of each backend, at a bounded cost.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Text};
use diesel_async::RunQueryDsl;

use super::sql::body;
use super::statement::Prepared;
use super::{Store, StoreError};

/// The most tasks that are counted for one backend.
pub const COUNTED_DEPTH: i64 = 10_000;
/// The most backends that are read.
const BACKENDS: i32 = 100;

/// The tasks of one backend.
#[derive(Debug, Clone, Default, QueryableByName)]
pub struct Depth {
    /// The name of the backend.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// Waiting tasks, at most [`COUNTED_DEPTH`].
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// For how long the task has been due that has been due for the longest, of those that are counted, in seconds; 0 if none is.
    #[diesel(sql_type = Double)]
    pub oldest_due_seconds: f64,
    /// Workers with a valid lease.
    #[diesel(sql_type = BigInt)]
    pub workers_online: i64,
    /// Those of them that neither drain nor are in quarantine.
    #[diesel(sql_type = BigInt)]
    pub workers_available: i64,
    /// Running tasks, at most [`COUNTED_DEPTH`] for all backends together.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// Whether it is paused.
    #[diesel(sql_type = Bool)]
    pub is_paused: bool,
}

const DEPTHS: &str = body(include_str!("depth.sql"));

const COUNT_WAITING: &str = "
SELECT count(*) AS waiting FROM (SELECT FROM tasks WHERE backend = $1 AND available_at IS NOT NULL LIMIT $2) AS counted";

#[derive(QueryableByName)]
struct WaitingRow {
    #[diesel(sql_type = BigInt)]
    waiting: i64,
}

impl Store {
    /// Returns the number of waiting tasks of a backend, at most `most`.
    pub async fn count_waiting(&self, backend: &str, most: u64) -> Result<u64, StoreError> {
        let row: WaitingRow = self
            .pools
            .run_background("count waiting tasks", async |connection| {
                Prepared(
                    diesel::sql_query(COUNT_WAITING)
                        .bind::<Text, _>(backend)
                        .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX)),
                )
                .get_result(connection)
                .await
            })
            .await?;
        Ok(u64::try_from(row.waiting).unwrap_or_default())
    }

    /// Returns the tasks and workers of each backend that has any, and of paused backends.
    pub async fn depths(&self) -> Result<Vec<Depth>, StoreError> {
        self.pools
            .run_read("count tasks by backend", async |connection| {
                Prepared(
                    diesel::sql_query(DEPTHS)
                        .bind::<BigInt, _>(COUNTED_DEPTH)
                        .bind::<Integer, _>(BACKENDS),
                )
                .load(connection)
                .await
            })
            .await
    }
}
