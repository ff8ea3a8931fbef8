//! How much waits and runs, by backend, at a bounded price.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Text};
use diesel_async::RunQueryDsl;

use super::statement::Prepared;
use super::{Store, StoreError};

/// No backend's tasks are counted further than this.
pub const COUNTED_DEPTH: i64 = 10_000;
/// The most backends that are looked at.
const BACKENDS: i32 = 100;

/// What one backend has to do.
#[derive(Debug, Clone, QueryableByName)]
pub struct Depth {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// Tasks that wait, at most [`COUNTED_DEPTH`].
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// Tasks that run, at most [`COUNTED_DEPTH`] of all backends together.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
}

// From one backend to the next in the index, without reading what stands between them.
const DEPTHS: &str = "
WITH RECURSIVE next AS (
    (SELECT backend, 1 AS place FROM tasks WHERE available_at IS NOT NULL ORDER BY backend LIMIT 1)
    UNION ALL
    SELECT (SELECT backend FROM tasks WHERE available_at IS NOT NULL AND backend > next.backend
            ORDER BY backend LIMIT 1), next.place + 1
    FROM next WHERE next.backend IS NOT NULL AND next.place < $2
), running AS (
    SELECT backend, count(*) AS tasks
    FROM (SELECT backend FROM tasks WHERE session_id IS NOT NULL LIMIT $1) AS counted GROUP BY backend
), names AS (
    SELECT backend FROM next WHERE backend IS NOT NULL UNION SELECT backend FROM running
)
SELECT names.backend, coalesce(running.tasks, 0) AS running,
       (SELECT count(*) FROM (
           SELECT FROM tasks t WHERE t.backend = names.backend AND t.available_at IS NOT NULL LIMIT $1
       ) AS counted) AS waiting
FROM names LEFT JOIN running ON running.backend = names.backend";

impl Store {
    /// What the backends have to do that have anything to do.
    pub async fn depths(&self) -> Result<Vec<Depth>, StoreError> {
        self.pools
            .run_read("count by backend", async |connection| {
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
