//! A clock that was set back leaves times behind that would be waited for: they are brought to the present.
//!
//! Each statement knows its rows by the time of their writing, which lies in the future as well: those that
//! were written since, and rightly wait, are left alone. So it may be repeated, and by any number of
//! processes.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Integer};
use diesel_async::RunQueryDsl;

use super::statement::Prepared;
use super::sweep::SWEEP_ROWS;
use super::{Store, StoreError};

// Tasks keep their order: those submitted in what is the future now stand in line as if they had been
// submitted, one shortly after the other, when the step was noticed. Whether their messages are still there is
// not known: workers drop one whose task is not due.
const TASKS: &str = "
WITH ahead AS (
    SELECT task_id FROM tasks
    WHERE available_at > clock_timestamp() AND coalesce(waits_since, submitted_at) > clock_timestamp()
    LIMIT $1 FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET available_at = clock_timestamp(), waits_since = clock_timestamp(), dispatched_at = NULL,
        queue_rank = CASE WHEN t.submitted_at > clock_timestamp()
            THEN t.queue_rank - (t.submitted_at - sweeps.steady_since)
                 - 0.0001 * greatest(sweeps.latest_at - t.submitted_at, interval '0')
            ELSE t.queue_rank END
    FROM ahead, sweeps WHERE t.task_id = ahead.task_id AND t.available_at IS NOT NULL AND sweeps.duty = 'reap'
    RETURNING t.backend
), woken AS (
    SELECT count(pg_notify('qtask_ready', backend)) AS backends FROM (SELECT DISTINCT backend FROM moved) AS ready
)
SELECT (SELECT count(*) FROM moved) AS moved, woken.backends FROM woken";

const WEBHOOKS: &str = "
WITH ahead AS (
    SELECT task_id FROM webhooks
    WHERE due_at > clock_timestamp() AND coalesce(put_off_at, owed_since) > clock_timestamp()
    LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE webhooks c SET due_at = clock_timestamp(), put_off_at = clock_timestamp()
FROM ahead WHERE c.task_id = ahead.task_id AND c.due_at IS NOT NULL";

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
    /// Lets some tasks be claimed that wait for a time from before the clock was set back; says how many.
    pub async fn bring_tasks_forward(&self) -> Result<usize, StoreError> {
        let row: MovedRow = self
            .pools
            .run_control("bring tasks forward", async |connection| {
                Prepared(diesel::sql_query(TASKS).bind::<Integer, _>(SWEEP_ROWS))
                    .get_result(connection)
                    .await
            })
            .await?;
        Ok(usize::try_from(row.moved).unwrap_or_default())
    }

    /// The same for calls that are owed.
    pub async fn bring_webhooks_forward(&self) -> Result<usize, StoreError> {
        self.pools
            .run_control("bring webhooks forward", async |connection| {
                Prepared(diesel::sql_query(WEBHOOKS).bind::<Integer, _>(SWEEP_ROWS))
                    .execute(connection)
                    .await
            })
            .await
    }

    /// Notes that no time from before the clock was set back is waited for any more.
    pub async fn forget_set_back(&self) -> Result<(), StoreError> {
        self.pools
            .run_control("forget a clock set back", async |connection| {
                Prepared(diesel::sql_query(DONE)).execute(connection).await
            })
            .await
            .map(drop)
    }
}
