//! Logs of attempts: appended by the owner of the attempt, read by any client.

use std::sync::LazyLock;

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::sql::{body, fill};
use super::statement::Prepared;
use super::{Json, Store, StoreError};
use crate::domain::log::{Level, LogLine};
use crate::domain::owner::Lease;
use crate::metrics;

/// The result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The lines are stored.
    Written,
    /// The session no longer owns the task; nothing was written.
    LeaseLost,
}

impl Appended {
    /// The result of a statement that compares the owner and writes a `log` or an `output`.
    pub(super) fn by_owner(owned: bool, write: &'static str) -> Self {
        if owned {
            Self::Written
        } else {
            metrics::write_fenced(write);
            Self::LeaseLost
        }
    }
}

/// A stored log line.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// The id; it grows with each line of a task.
    pub id: i64,
    /// The attempt that wrote the line.
    pub attempt: i32,
    /// The time of the line.
    pub logged_at: OffsetDateTime,
    /// The level.
    pub level: String,
    /// The message.
    pub message: String,
    /// Structured details.
    pub context: Option<Json>,
}

/// Which log lines to read, oldest first.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Lines of this level and above.
    pub level: Level,
    /// Only lines of this time or later.
    pub since: Option<OffsetDateTime>,
    /// Only lines with a greater id; 0 for all.
    pub after: i64,
    /// The most lines.
    pub limit: i64,
}

const APPEND: &str = body(include_str!("logs_append.sql"));

/// The parameters of the subquery in `log_page.sql`, as SQL.
pub(super) struct LogPageSql {
    pub(super) task: &'static str,
    pub(super) after: &'static str,
    pub(super) levels: &'static str,
    pub(super) since: &'static str,
    pub(super) limit: &'static str,
    pub(super) bytes: &'static str,
    pub(super) condition: &'static str,
}

impl LogPageSql {
    /// The subquery; its row is read as [`LogColumns`].
    pub(super) fn subquery(&self) -> String {
        let parts = [
            ("task", self.task),
            ("after", self.after),
            ("levels", self.levels),
            ("since", self.since),
            ("limit", self.limit),
            ("bytes", self.bytes),
            ("condition", self.condition),
        ];
        fill(include_str!("log_page.sql"), &parts)
    }
}

/// The columns of `log_page.sql` for a read without a log.
macro_rules! no_log {
    () => {
        "(SELECT '{}'::bigint[] AS log_ids, '{}'::integer[] AS log_attempts, '{}'::timestamptz[] AS log_times,
        '{}'::text[] AS log_levels, '{}'::text[] AS log_messages, '{}'::jsonb[] AS log_contexts, false AS has_more_logs)"
    };
}
pub(super) use no_log;

static READ: LazyLock<String> = LazyLock::new(|| {
    let log = LogPageSql {
        task: "t.task_id",
        after: "$2",
        levels: "$3",
        since: "$4",
        limit: "$5",
        bytes: "$6",
        condition: "true",
    };
    format!(
        "SELECT log.* FROM (SELECT $1 AS task_id) AS t CROSS JOIN LATERAL {} AS log
WHERE cardinality(log.log_ids) > 0 OR EXISTS (SELECT FROM tasks WHERE tasks.task_id = t.task_id)",
        log.subquery()
    )
});

/// The most bytes of all lines of one page; a page of a single line may be longer.
pub const MAX_PAGE_BYTES: i64 = 4 << 20;

/// A page of a log, oldest line first.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<LogEntry>,
    /// Whether the log has further lines.
    pub more: bool,
}

#[derive(QueryableByName)]
pub(super) struct LogColumns {
    #[diesel(sql_type = Array<BigInt>)]
    log_ids: Vec<i64>,
    #[diesel(sql_type = Array<Integer>)]
    log_attempts: Vec<i32>,
    #[diesel(sql_type = Array<Timestamptz>)]
    log_times: Vec<OffsetDateTime>,
    #[diesel(sql_type = Array<Text>)]
    log_levels: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    log_messages: Vec<String>,
    #[diesel(sql_type = Array<Nullable<Jsonb>>)]
    log_contexts: Vec<Option<Json>>,
    #[diesel(sql_type = Bool)]
    has_more_logs: bool,
}

impl LogColumns {
    pub(super) fn into_page(self) -> LogPage {
        let places = self.log_ids.into_iter().zip(self.log_attempts);
        let kinds = self.log_times.into_iter().zip(self.log_levels);
        let words = self.log_messages.into_iter().zip(self.log_contexts);
        let rows = places.zip(kinds).zip(words);
        let lines = rows.map(
            |(((id, attempt), (logged_at, level)), (message, context))| LogEntry {
                id,
                attempt,
                logged_at,
                level,
                message,
                context,
            },
        );
        LogPage {
            lines: lines.collect(),
            more: self.has_more_logs,
        }
    }
}

/// The names of this level and all higher ones.
pub(super) fn levels_from(least: Level) -> Vec<&'static str> {
    let levels = Level::ALL.into_iter().filter(|level| *level >= least);
    levels.map(Level::as_str).collect()
}

#[derive(QueryableByName)]
struct AppendedRow {
    #[diesel(sql_type = Bool)]
    owned: bool,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notification is sent")]
    listeners: i64,
}

impl Store {
    /// Appends lines to the log of an attempt, and updates its progress, if the lease is that of its owner.
    pub async fn append_logs(
        &self,
        lease: &Lease,
        lines: Vec<LogLine>,
        progress: Option<Value>,
    ) -> Result<Appended, StoreError> {
        let count = lines.len();
        let (mut times, mut levels) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut messages, mut contexts) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for line in lines {
            times.push(line.logged_at);
            levels.push(line.level.as_str());
            messages.push(line.message);
            contexts.push(line.context);
        }
        let row: AppendedRow = self
            .pools
            .run("append logs", async |connection| {
                Prepared(
                    diesel::sql_query(APPEND)
                        .bind::<SqlUuid, _>(lease.task_id)
                        .bind::<Text, _>(&*lease.session.worker_id)
                        .bind::<SqlUuid, _>(lease.session.session_id)
                        .bind::<Integer, _>(lease.attempt)
                        .bind::<Array<Nullable<Timestamptz>>, _>(times)
                        .bind::<Array<Text>, _>(levels)
                        .bind::<Array<Text>, _>(messages)
                        .bind::<Array<Nullable<Jsonb>>, _>(contexts)
                        .bind::<Array<Integer>, _>((0..).take(count).collect::<Vec<i32>>())
                        .bind::<Nullable<Jsonb>, _>(progress),
                )
                .get_result(connection)
                .await
            })
            .await?;
        Ok(Appended::by_owner(row.owned, "log"))
    }

    /// Returns a page of the log of a task, oldest line first; `None` if there is no such task.
    pub async fn log_page(
        &self,
        task_id: Uuid,
        filter: &LogFilter,
    ) -> Result<Option<LogPage>, StoreError> {
        let columns: Option<LogColumns> = self
            .pools
            .run_read("read logs", async |connection| {
                Prepared(
                    diesel::sql_query(&*READ)
                        .bind::<SqlUuid, _>(task_id)
                        .bind::<BigInt, _>(filter.after)
                        .bind::<Array<Text>, _>(levels_from(filter.level))
                        .bind::<Nullable<Timestamptz>, _>(filter.since)
                        .bind::<BigInt, _>(filter.limit)
                        .bind::<BigInt, _>(MAX_PAGE_BYTES),
                )
                .get_result(connection)
                .await
                .optional()
            })
            .await?;
        Ok(columns.map(LogColumns::into_page))
    }
}
