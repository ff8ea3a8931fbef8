//! Withdrawal: tasks that were stored and could not be sent are taken back.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Store, StoreError};

// All or none: the rows are locked first, in the order in which claims lock them, and counted.
const WITHDRAW: &str = "
WITH untouched AS MATERIALIZED (
    SELECT task_id FROM tasks
    WHERE task_id = ANY ($1) AND current_status = 'pending' AND attempt = 0
    ORDER BY task_id FOR UPDATE
), withdrawn AS (
    DELETE FROM tasks
    WHERE task_id IN (SELECT task_id FROM untouched) AND (SELECT count(*) FROM untouched) = cardinality($1)
    RETURNING task_id, tags, priority
), forgotten AS (
    DELETE FROM status_history WHERE task_id IN (SELECT task_id FROM withdrawn)
), untagged AS (
    DELETE FROM task_tags g USING withdrawn w, jsonb_array_elements_text(w.tags) AS tag
    WHERE (g.tag, g.priority, g.task_id) = (tag, w.priority, w.task_id)
)
SELECT EXISTS (SELECT FROM withdrawn) AS withdrawn";

#[derive(QueryableByName)]
struct WithdrawnRow {
    #[diesel(sql_type = Bool)]
    withdrawn: bool,
}

impl Store {
    /// Takes all of these tasks back, or none of them: false where a worker has one already, or one
    /// is gone.
    pub async fn withdraw(&self, task_ids: &[Uuid]) -> Result<bool, StoreError> {
        let row: WithdrawnRow = self
            .pools
            .run("withdraw tasks", async |connection| {
                Prepared(diesel::sql_query(WITHDRAW).bind::<Array<SqlUuid>, _>(task_ids))
                    .get_result(connection)
                    .await
            })
            .await?;
        Ok(row.withdrawn)
    }
}
