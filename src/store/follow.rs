//! The changes of a task since the last event that a client has received: status, history, progress and log in one statement, so
//! that they cannot contradict each other.

use std::sync::LazyLock;

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::history::{HistoryColumns, HistoryEntry, history};
use super::logs::{LogColumns, LogPage, LogPageSql, MAX_PAGE_BYTES, levels_from};
use super::statement::Prepared;
use super::{Json, Store, StoreError};
use crate::domain::last_event_id::LastEventId;
use crate::domain::log::Level;
use crate::domain::status::Status;

/// A task in one snapshot, with its history entries and log lines after the last event received.
#[derive(Debug, Clone)]
pub struct TaskNews {
    /// The status.
    pub status: Status,
    /// The progress that its worker has reported.
    pub progress: Option<Json>,
    /// The new history entries, oldest first.
    pub history: Vec<HistoryEntry>,
    /// The new log lines.
    pub log: LogPage,
}

static FOLLOW: LazyLock<String> = LazyLock::new(|| {
    let log = LogPageSql {
        task: "t.task_id",
        after: "$3",
        levels: "$4",
        since: "NULL::timestamptz",
        limit: "$5",
        bytes: "$6",
        condition: "true",
    };
    format!(
        "SELECT t.current_status::text AS status, t.progress, history.*, log.*
FROM tasks t CROSS JOIN LATERAL {} AS history CROSS JOIN LATERAL {} AS log
WHERE t.task_id = $1",
        history("t.task_id", "$2", "true"),
        log.subquery()
    )
});

#[derive(QueryableByName)]
struct NewsRow {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Jsonb>)]
    progress: Option<Json>,
    #[diesel(embed)]
    history: HistoryColumns,
    #[diesel(embed)]
    log: LogColumns,
}

impl NewsRow {
    fn into_news(self) -> Result<TaskNews, StoreError> {
        Ok(TaskNews {
            status: self
                .status
                .parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))?,
            progress: self.progress,
            history: self.history.into_entries()?,
            log: self.log.into_page(),
        })
    }
}

impl Store {
    /// Returns the changes of a task after `seen`, with at most `log_lines` log lines; `None` if there is no such task.
    pub async fn task_since(
        &self,
        task_id: Uuid,
        seen: LastEventId,
        log_lines: i64,
    ) -> Result<Option<TaskNews>, StoreError> {
        let row: Option<NewsRow> = self
            .pools
            .run_read("follow task", async |connection| {
                Prepared(
                    diesel::sql_query(&*FOLLOW)
                        .bind::<SqlUuid, _>(task_id)
                        .bind::<BigInt, _>(seen.history)
                        .bind::<BigInt, _>(seen.log)
                        .bind::<Array<Text>, _>(levels_from(Level::Debug))
                        .bind::<BigInt, _>(log_lines)
                        .bind::<BigInt, _>(MAX_PAGE_BYTES),
                )
                .get_result(connection)
                .await
                .optional()
            })
            .await?;
        row.map(NewsRow::into_news).transpose()
    }
}
