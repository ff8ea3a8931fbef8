//! Withdrawal: a stored task whose message could not be sent is deleted.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::sql::body;
use super::statement::Prepared;
use super::{Store, StoreError};

const WITHDRAW: &str = body(include_str!("withdraw.sql"));

#[derive(QueryableByName)]
struct WithdrawnRow {
    #[diesel(sql_type = Bool)]
    withdrawn: bool,
}

impl Store {
    /// Deletes all of these tasks, or none: returns false if a worker has claimed one of them, or if one does not exist.
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
