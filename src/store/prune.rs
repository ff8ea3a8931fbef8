//! Pruning: deletes terminal tasks that ended long ago, with all rows that belong to them.

use std::sync::LazyLock;
use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::sql::{body, fill};
use super::statement::Prepared;
use super::turn::turn_is_recent;
use super::{Store, StoreError};
use crate::domain::pruning::{PruneFilter, PrunePosition};

static OVER: LazyLock<String> = LazyLock::new(|| {
    let turn_is_recent = turn_is_recent!("interval '1 minute'");
    let parts = [("turn_is_recent", turn_is_recent)];
    fill(include_str!("prune_over.sql"), &parts)
});
static PRUNE: LazyLock<String> =
    LazyLock::new(|| body(include_str!("prune.sql")).replace("{{over}}", &OVER));
static COUNT: LazyLock<String> =
    LazyLock::new(|| body(include_str!("prune_count.sql")).replace("{{over}}", &OVER));

/// What one statement of a pass read and found.
#[derive(Debug, Clone, QueryableByName)]
pub struct PruneStep {
    /// Whether the database's clock has run steadily for an hour; otherwise no task counts as old.
    #[diesel(sql_type = Bool)]
    pub is_steady: bool,
    /// The number of tasks that were read.
    #[diesel(sql_type = BigInt)]
    pub examined: i64,
    /// The number of tasks that were deleted, or would be.
    #[diesel(sql_type = BigInt)]
    pub tasks: i64,
    /// The last task that was read.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub last: Option<Uuid>,
}

impl Store {
    /// Reads up to `limit` tasks from the position on, within its status and priority, and deletes those that the filter fits.
    pub async fn prune(
        &self,
        filter: &PruneFilter,
        from: &PrunePosition,
        limit: usize,
    ) -> Result<PruneStep, StoreError> {
        self.prune_by(&PRUNE, "prune tasks", filter, from, limit)
            .await
    }

    /// The same without deleting them.
    pub async fn count_prunable(
        &self,
        filter: &PruneFilter,
        from: &PrunePosition,
        limit: usize,
    ) -> Result<PruneStep, StoreError> {
        self.prune_by(&COUNT, "count prunable tasks", filter, from, limit)
            .await
    }

    async fn prune_by(
        &self,
        statement: &'static str,
        name: &'static str,
        filter: &PruneFilter,
        from: &PrunePosition,
        limit: usize,
    ) -> Result<PruneStep, StoreError> {
        self.pools
            .run_background(name, async |connection| {
                Prepared(
                    diesel::sql_query(statement)
                        .bind::<Double, _>(filter.older_than.as_secs_f64())
                        .bind::<Text, _>(from.status.as_str())
                        .bind::<SmallInt, _>(from.priority)
                        .bind::<SqlUuid, _>(from.after)
                        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                        .bind::<Nullable<Text>, _>(filter.backend.as_deref()),
                )
                .get_result(connection)
                .await
            })
            .await
    }

    /// For how long tasks are kept after their end; `None` if they are kept until they are pruned by request.
    pub fn retention(&self) -> Option<Duration> {
        self.policy.retention
    }
}
