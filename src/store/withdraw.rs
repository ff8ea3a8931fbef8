//! Withdrawal: a task that was stored and could not be sent is taken back.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Store, StoreError};

const WITHDRAW: &str = "
WITH withdrawn AS (
    DELETE FROM tasks WHERE task_id = $1 AND current_status = 'pending' AND attempt = 0 RETURNING task_id
), forgotten AS (
    DELETE FROM status_history WHERE task_id IN (SELECT task_id FROM withdrawn)
)
SELECT EXISTS (SELECT FROM withdrawn) AS withdrawn";

#[derive(QueryableByName)]
struct WithdrawnRow {
    #[diesel(sql_type = Bool)]
    withdrawn: bool,
}

impl Store {
    /// Takes a task back that was stored but could not be published. False where a worker has it
    /// already, or it is gone.
    pub async fn withdraw(&self, task_id: Uuid) -> Result<bool, StoreError> {
        let row: WithdrawnRow = self
            .pools
            .run("withdraw task", async |connection| {
                Prepared(diesel::sql_query(WITHDRAW).bind::<SqlUuid, _>(task_id))
                    .get_result(connection)
                    .await
            })
            .await?;
        Ok(row.withdrawn)
    }
}
