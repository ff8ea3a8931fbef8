//! What happened to a task since a client looked last: its status, history, progress and log in one
//! statement, so that no event of one contradicts the others.

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::history::{HistoryColumns, HistoryEntry, history};
use super::logs::{LogColumns, LogPage, MAX_PAGE_BYTES, levels_from, log_page};
use super::statement::Prepared;
use super::{Json, Store, StoreError};
use crate::domain::log::Level;
use crate::domain::status::Status;

/// How far a client has seen a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastEventId {
    /// The id of the last entry of the history.
    pub history: i64,
    /// The id of the last line of the log.
    pub log: i64,
}

/// A task in one snapshot, with the history and log lines behind those already seen.
#[derive(Debug, Clone)]
pub struct TaskNews {
    /// Its status.
    pub status: Status,
    /// What its worker says of how far it has come.
    pub progress: Option<Json>,
    /// The new entries of its history, oldest first.
    pub history: Vec<HistoryEntry>,
    /// The new lines of its log.
    pub log: LogPage,
}

const FOLLOW: &str = concat!(
    "SELECT t.current_status::text AS status, t.progress, history.*, log.*
FROM tasks t
CROSS JOIN LATERAL ",
    history!("t.task_id", "$2", "true"),
    " AS history
CROSS JOIN LATERAL ",
    log_page!(
        "t.task_id",
        "$3",
        "$4",
        "NULL::timestamptz",
        "$5",
        "$6",
        "true"
    ),
    " AS log
WHERE t.task_id = $1"
);

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
    /// What is new of a task behind what was `seen`, up to `log_lines` lines of its log; None where there
    /// is no such task.
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
                    diesel::sql_query(FOLLOW)
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
