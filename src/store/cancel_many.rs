//! Cancellation of the tasks that a filter selects, one page at a time.

use std::sync::LazyLock;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::cancel::cancel_move;
use super::list_filter::TaskFilter;
use super::sql::fill;
use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::status::Status;
use crate::metrics;

static CANCEL_MANY: LazyLock<String> = LazyLock::new(|| {
    let cancel = cancel_move("FROM locked", "t.task_id = locked.task_id");
    fill(include_str!("cancel_many.sql"), &[("cancel", &cancel)])
});

/// What one statement has cancelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CancelledMany {
    /// Waiting tasks that are cancelled now.
    pub cancelled: i64,
    /// Running tasks whose workers were told to stop them.
    pub requested: i64,
}

#[derive(QueryableByName)]
struct CancelledRow {
    #[diesel(sql_type = Text)]
    backend: String,
    #[diesel(sql_type = BigInt)]
    cancelled: i64,
    #[diesel(sql_type = BigInt)]
    requested: i64,
    #[diesel(sql_type = Array<Double>)]
    ages: Vec<f64>,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notifications are sent")]
    workers: i64,
}

impl Store {
    /// Cancels those of the tasks, which were found by the filter, that it still selects.
    pub async fn cancel_many(
        &self,
        task_ids: &[Uuid],
        filter: &TaskFilter,
    ) -> Result<CancelledMany, StoreError> {
        let statuses: Vec<&str> = filter.statuses.iter().map(|it| it.as_str()).collect();
        let rows: Vec<CancelledRow> = self
            .pools
            .run("cancel tasks by filter", async |connection| {
                Prepared(
                    diesel::sql_query(&*CANCEL_MANY)
                        .bind::<Array<SqlUuid>, _>(task_ids)
                        .bind::<Array<Text>, _>(&statuses)
                        .bind::<Nullable<Text>, _>(&filter.worker_id),
                )
                .load(connection)
                .await
            })
            .await?;
        let mut all = CancelledMany::default();
        for row in rows {
            let cancelled = u64::try_from(row.cancelled).unwrap_or_default();
            metrics::tasks_moved(&row.backend, Status::Cancelled, cancelled);
            for seconds in row.ages {
                metrics::task_ended(&row.backend, Status::Cancelled, seconds);
            }
            all.cancelled += row.cancelled;
            all.requested += row.requested;
        }
        Ok(all)
    }
}
