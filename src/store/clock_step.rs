//! Repair after the clock was set back: rows with times in the future would wait until the clock reaches them, and become due now.
//!
//! Each statement recognises its rows by the time at which they were written, which is in the future, too; rows that were written
//! after the step are left unchanged. A statement may be repeated, and run in several processes at once.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Integer};
use diesel_async::RunQueryDsl;

use super::sql::body;
use super::statement::Prepared;
use super::sweep_bounds::SWEEP_ROWS;
use super::{Store, StoreError};

const TASKS: &str = body(include_str!("clock_step_tasks.sql"));

const WEBHOOKS: &str = "
WITH future AS (
    SELECT task_id FROM webhooks
    WHERE due_at > clock_timestamp() AND coalesce(put_off_at, owed_since) > clock_timestamp()
    LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE webhooks c SET due_at = clock_timestamp(), put_off_at = clock_timestamp()
FROM future WHERE c.task_id = future.task_id AND c.due_at IS NOT NULL";

const DONE: &str = "
UPDATE sweeps SET latest_at = clock_timestamp() WHERE duty = 'reap' AND latest_at > clock_timestamp()";

#[derive(QueryableByName)]
struct MovedRow {
    #[diesel(sql_type = BigInt)]
    moved: i64,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notifications are sent")]
    backends: i64,
}

impl Store {
    /// Makes some tasks claimable that wait for a time from before the clock was set back, and returns their number.
    pub async fn make_future_tasks_due(&self) -> Result<usize, StoreError> {
        let row: MovedRow = self
            .pools
            .run_control("make future tasks due", async |connection| {
                Prepared(diesel::sql_query(TASKS).bind::<Integer, _>(SWEEP_ROWS))
                    .get_result(connection)
                    .await
            })
            .await?;
        Ok(usize::try_from(row.moved).unwrap_or_default())
    }

    /// The same for webhooks.
    pub async fn make_future_webhooks_due(&self) -> Result<usize, StoreError> {
        self.pools
            .run_control("make future webhooks due", async |connection| {
                Prepared(diesel::sql_query(WEBHOOKS).bind::<Integer, _>(SWEEP_ROWS))
                    .execute(connection)
                    .await
            })
            .await
    }

    /// Records that no row has a time in the future any more.
    pub async fn clear_clock_step(&self) -> Result<(), StoreError> {
        self.pools
            .run_control("clear clock step", async |connection| {
                Prepared(diesel::sql_query(DONE)).execute(connection).await
            })
            .await
            .map(drop)
    }
}
