//! A task's history as columns of the statement that reads the task.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::status::Status;

/// One status that a task was in.
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

/// A subquery with one row: the history behind the entry `$after` of the task, oldest first, an array
/// for each column. `$condition` turns it off.
macro_rules! history {
    ($task:literal, $after:literal, $condition:literal) => {
        concat!(
            "(SELECT coalesce(array_agg(id), '{}') AS history_ids,
        coalesce(array_agg(status::text), '{}') AS history_statuses,
        coalesce(array_agg(transitioned_at), '{}') AS history_times,
        coalesce(array_agg(attempt), '{}') AS history_attempts,
        coalesce(array_agg(worker_id), '{}') AS history_workers,
        coalesce(array_agg(notes), '{}') AS history_notes
 FROM (SELECT * FROM status_history WHERE task_id = ",
            $task,
            " AND id > ",
            $after,
            " AND ",
            $condition,
            " ORDER BY id) AS entry)"
        )
    };
}
pub(super) use history;

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
