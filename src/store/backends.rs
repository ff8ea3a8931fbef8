//! What waits, runs and has run on each backend.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Text};
use diesel_async::RunQueryDsl;

use super::statement::Prepared;
use super::{Store, StoreError};

/// A backend at this moment.
#[derive(Debug, Clone, QueryableByName)]
pub struct BackendRecord {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// Living workers that serve it.
    #[diesel(sql_type = BigInt)]
    pub workers_online: i64,
    /// How many tasks those of them may run at once that take new ones.
    #[diesel(sql_type = BigInt)]
    pub slots_online: i64,
    /// Waiting tasks, counted up to [`COUNTED_WAITING`] and one more.
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// Tasks in the hands of workers.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// For how long the oldest of the tasks counted has waited since its submission.
    #[diesel(sql_type = Nullable<Double>)]
    pub oldest_wait_seconds: Option<f64>,
    /// How long the last attempt took, in the middle of the last 100 completed tasks.
    #[diesel(sql_type = Nullable<Double>)]
    pub median_run_seconds: Option<f64>,
}

/// How many waiting tasks of a backend are counted.
pub const COUNTED_WAITING: i32 = 10_000;

/// A page of backends.
#[derive(Debug, Clone)]
pub struct BackendList {
    /// By name.
    pub backends: Vec<BackendRecord>,
    /// The name that this page ends with; None on the last page.
    pub next: Option<String>,
}

// Bounded whatever the size of the table: it jumps from one waiting backend to the next in the index, no further than
// the page, counts no further than the limit, and reads the last 100 results by an index of their own. A worker's
// capabilities are its own words, so that nothing is cast that is not a number.
const BACKENDS: &str = "
WITH RECURSIVE waits AS (
    (SELECT backend, 1 AS place FROM tasks WHERE available_at IS NOT NULL AND backend > $3 ORDER BY backend LIMIT 1)
    UNION ALL
    SELECT (SELECT backend FROM tasks WHERE available_at IS NOT NULL AND backend > waits.backend
            ORDER BY backend LIMIT 1), waits.place + 1
    FROM waits WHERE waits.backend IS NOT NULL AND waits.place <= $4
), runs AS (
    SELECT backend, count(*) AS running FROM tasks WHERE session_id IS NOT NULL GROUP BY backend
), served AS (
    SELECT w.backend, count(*) FILTER (WHERE online) AS workers,
           coalesce(sum(slots) FILTER (WHERE online AND takes_tasks), 0)::bigint AS slots
    FROM (
        SELECT unnest(backends) AS backend, draining_since IS NULL AND quarantined_at IS NULL AS takes_tasks,
               ended_at IS NULL AND last_heartbeat_at >= clock_timestamp() - lease_ms * interval '1 millisecond' AS online,
               CASE WHEN jsonb_typeof(capabilities -> 'max_parallel_tasks') = 'number'
                    THEN least(greatest((capabilities ->> 'max_parallel_tasks')::numeric, 1), 100000)
                    ELSE 1 END::bigint AS slots
        FROM workers
    ) AS w GROUP BY w.backend
), known AS (
    SELECT backend FROM (
        SELECT backend FROM waits WHERE backend IS NOT NULL
        UNION SELECT backend FROM runs UNION SELECT backend FROM served UNION SELECT unnest($1)
    ) AS every WHERE backend > $3 ORDER BY backend LIMIT $4 + 1
)
SELECT k.backend, coalesce(served.workers, 0) AS workers_online, coalesce(served.slots, 0) AS slots_online,
       line.waiting, coalesce(runs.running, 0) AS running, line.oldest_wait_seconds, past.median_run_seconds
FROM known k LEFT JOIN served USING (backend) LEFT JOIN runs USING (backend)
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting,
           extract(epoch FROM greatest(clock_timestamp(), min(submitted_at)) - min(submitted_at))::double precision AS oldest_wait_seconds
    FROM (SELECT submitted_at FROM tasks t
          WHERE t.backend = k.backend AND t.available_at IS NOT NULL
          ORDER BY t.queue_rank, t.task_id LIMIT $2 + 1) AS first
) AS line
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median_run_seconds
    FROM (SELECT extract(epoch FROM greatest(t.completed_at, t.started_at) - t.started_at)::double precision AS seconds FROM tasks t
          WHERE t.backend = k.backend AND t.current_status = 'completed' AND t.completed_at IS NOT NULL
          ORDER BY t.completed_at DESC LIMIT 100) AS last
) AS past
ORDER BY k.backend";

impl Store {
    /// Up to `limit` backends behind the name `after` that have waiting or running tasks, are in the
    /// registry, or are named here.
    pub async fn backends(
        &self,
        configured: &[String],
        after: &str,
        limit: u16,
    ) -> Result<BackendList, StoreError> {
        let mut backends: Vec<BackendRecord> = self
            .pools
            .run_read("look at the backends", async |connection| {
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
