//! A waiting task's place in the line of its backend.

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Store, StoreError};

/// Where a waiting task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 1 is the next; [`COUNTED_PLACES`] and one more stands for everything behind them.
    pub position: i64,
    /// Whether the position was counted to its end.
    pub exact: bool,
}

/// How many tasks in front of another are counted.
pub const COUNTED_PLACES: i32 = 1_000;

// Counts no further than its limit, however long the line is.
const PLACE: &str = "
SELECT (SELECT count(*) FROM (
           SELECT FROM tasks a
           WHERE a.backend = t.backend AND a.available_at IS NOT NULL AND a.queue_rank <= t.queue_rank
             AND (a.queue_rank, a.task_id) < (t.queue_rank, t.task_id)
           LIMIT $2) AS before) AS ahead
FROM tasks t WHERE t.task_id = $1 AND t.available_at IS NOT NULL";

#[derive(QueryableByName)]
struct AheadRow {
    #[diesel(sql_type = BigInt)]
    ahead: i64,
}

impl Store {
    /// The place of a task in line; None where it does not wait.
    pub async fn place_in_line(&self, task_id: Uuid) -> Result<Option<Place>, StoreError> {
        let row: Option<AheadRow> = self
            .pools
            .run_read("find the place in line", async |connection| {
                Prepared(
                    diesel::sql_query(PLACE)
                        .bind::<SqlUuid, _>(task_id)
                        .bind::<Integer, _>(COUNTED_PLACES),
                )
                .get_result(connection)
                .await
                .optional()
            })
            .await?;
        Ok(row.map(|row| Place {
            position: row.ahead + 1,
            exact: row.ahead < i64::from(COUNTED_PLACES),
        }))
    }
}
