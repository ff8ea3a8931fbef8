//! The history of a task, as columns of the statement that reads the task.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use time::OffsetDateTime;

use super::StoreError;
use super::sql::fill;
use crate::domain::status::Status;

/// A history entry: a status that the task has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct HistoryEntry {
    pub id: i64,
    pub status: Status,
    pub transitioned_at: OffsetDateTime,
    pub attempt: i32,
    pub worker_id: Option<String>,
    pub notes: Option<String>,
}

/// The subquery of `history.sql`; its row is read as [`HistoryColumns`].
pub(super) fn history(task: &str, after: &str, condition: &str) -> String {
    let parts = [("task", task), ("after", after), ("condition", condition)];
    fill(include_str!("history.sql"), &parts)
}

#[derive(QueryableByName)]
#[allow(
    clippy::struct_field_names,
    reason = "the names of the columns, beside those of the task"
)]
pub(super) struct HistoryColumns {
    #[diesel(sql_type = Array<BigInt>)]
    history_ids: Vec<i64>,
    #[diesel(sql_type = Array<Text>)]
    history_statuses: Vec<String>,
    #[diesel(sql_type = Array<Timestamptz>)]
    history_times: Vec<OffsetDateTime>,
    #[diesel(sql_type = Array<Integer>)]
    history_attempts: Vec<i32>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    history_workers: Vec<Option<String>>,
    #[diesel(sql_type = Array<Nullable<Text>>)]
    history_notes: Vec<Option<String>>,
}

impl HistoryColumns {
    pub(super) fn into_entries(self) -> Result<Vec<HistoryEntry>, StoreError> {
        let moves = self.history_ids.into_iter().zip(self.history_statuses);
        let times = self.history_times.into_iter().zip(self.history_attempts);
        let words = self.history_workers.into_iter().zip(self.history_notes);
        let rows = moves.zip(times).zip(words);
        rows.map(
            |(((id, status), (transitioned_at, attempt)), (worker_id, notes))| {
                Ok(HistoryEntry {
                    id,
                    status: status
                        .parse()
                        .map_err(|error| StoreError::Refused(format!("{error}")))?,
                    transitioned_at,
                    attempt,
                    worker_id,
                    notes,
                })
            },
        )
        .collect()
    }
}
