//! What attempts say: appended by their owner, read by anyone.

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::statement::Prepared;
use super::{Json, Store, StoreError};
use crate::domain::log::{Level, LogLine};
use crate::domain::owner::Lease;

/// Whether lines were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// They are in the database.
    Written,
    /// The owner lost the task before this; nothing was written.
    LeaseLost,
}

impl Appended {
    /// The answer of a statement that found the row with its owner, or did not.
    pub(super) const fn by_owner(owned: bool) -> Self {
        if owned {
            Self::Written
        } else {
            Self::LeaseLost
        }
    }
}

/// A stored line.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Grows with each line of a task.
    pub id: i64,
    /// The attempt that said it.
    pub attempt: i32,
    /// When.
    pub logged_at: OffsetDateTime,
    /// How much it matters.
    pub level: String,
    /// What is said.
    pub message: String,
    /// Details for programs.
    pub context: Option<Json>,
}

/// Which lines to read, oldest first.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Lines of this level and above.
    pub level: Level,
    /// Not before this.
    pub since: Option<OffsetDateTime>,
    /// Behind the line with this id; 0 for all.
    pub after: i64,
    /// How many, at most.
    pub limit: i64,
}

// The row is locked, so that the lines of one task are written one batch after the other, in the order
// of their ids, and not a moment after the task was lost. A line that says when it was said is
// recognised by an index when it comes again: another statement may be writing it just now.
const APPEND: &str = "
WITH owner AS MATERIALIZED (
    SELECT task_id, attempt FROM tasks
    WHERE task_id = $1 AND worker_id = $2 AND session_id = $3 AND attempt = $4 AND current_status = 'processing'
    FOR UPDATE
), input AS (
    SELECT * FROM unnest($5, $6, $7, $8, $9) AS i(logged_at, level, message, context, ordinal)
), written AS (
    INSERT INTO task_logs (task_id, attempt, logged_at, level, message, context, timed)
    SELECT owner.task_id, owner.attempt, coalesce(i.logged_at, clock_timestamp()), i.level, i.message, i.context,
           i.logged_at IS NOT NULL
    FROM owner, input i
    ORDER BY i.ordinal
    ON CONFLICT (task_id, attempt, logged_at, md5(level || message)) WHERE timed DO NOTHING
), progressed AS (
    UPDATE tasks t SET progress = $10 FROM owner WHERE t.task_id = owner.task_id AND $10 IS NOT NULL
    RETURNING t.task_id
), told AS (
    SELECT count(pg_notify('qtask_changed', replace(task_id::text, '-', ''))) AS listeners FROM progressed
)
SELECT EXISTS (SELECT FROM owner) AS owned, told.listeners FROM told";

/// A subquery with one row: a page of the task's log behind the line `$after`, oldest line first, an array
/// for each column. `$condition` turns it off.
///
/// One line more than asked for tells whether there is a next page. A page ends before the line that
/// would make it too large; its first line comes whatever its size.
macro_rules! log_page {
    ($task:literal, $after:literal, $levels:literal, $since:literal, $limit:literal, $bytes:literal, $condition:literal) => {
        concat!(
            "(SELECT coalesce(array_agg(id), '{}') AS log_ids, coalesce(array_agg(attempt), '{}') AS log_attempts,
        coalesce(array_agg(logged_at), '{}') AS log_times, coalesce(array_agg(level), '{}') AS log_levels,
        coalesce(array_agg(message), '{}') AS log_messages, coalesce(array_agg(context), '{}') AS log_contexts,
        coalesce(max(place) < max(lines), false) AS has_more_logs
 FROM (SELECT * FROM (
           SELECT *, row_number() OVER ids AS place, count(*) OVER () AS lines,
                  sum(octet_length(message) + coalesce(octet_length(context::text), 0)) OVER ids AS bytes
           FROM (SELECT id, attempt, logged_at, level, message, context FROM task_logs
                 WHERE task_id = ",
            $task,
            " AND id > ",
            $after,
            " AND level = ANY(",
            $levels,
            ") AND (",
            $since,
            " IS NULL OR logged_at >= ",
            $since,
            ") AND ",
            $condition,
            "
                 ORDER BY id LIMIT ",
            $limit,
            " + 1) AS found
           WINDOW ids AS (ORDER BY id)
       ) AS measured
       WHERE place <= ",
            $limit,
            " AND (place = 1 OR bytes <= ",
            $bytes,
            ") ORDER BY id) AS line)"
        )
    };
}
pub(super) use log_page;

/// The same subquery for a read without a log.
macro_rules! no_log {
    () => {
        "(SELECT '{}'::bigint[] AS log_ids, '{}'::integer[] AS log_attempts, '{}'::timestamptz[] AS log_times,
        '{}'::text[] AS log_levels, '{}'::text[] AS log_messages, '{}'::jsonb[] AS log_contexts, false AS has_more_logs)"
    };
}
pub(super) use no_log;

const READ: &str = concat!(
    "SELECT log.* FROM (SELECT $1 AS task_id) AS t
CROSS JOIN LATERAL ",
    log_page!("t.task_id", "$2", "$3", "$4", "$5", "$6", "true"),
    " AS log
WHERE cardinality(log.log_ids) > 0 OR EXISTS (SELECT FROM tasks WHERE tasks.task_id = t.task_id)"
);

/// The most that the lines of one page weigh together, in bytes; a single line may be longer than that by itself.
pub const MAX_PAGE_BYTES: i64 = 4 << 20;

/// Lines, oldest first.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// As many as were asked for, or fit into a page.
    pub lines: Vec<LogEntry>,
    /// Whether there are more behind them.
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

/// The names of the levels from this one up.
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
    /// Appends lines to the log of the attempt, and says how far it has come. On its owner's word
    /// only.
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
        Ok(Appended::by_owner(row.owned))
    }

    /// A page of a task's log, oldest line first; None where there is no such task.
    pub async fn log_page(
        &self,
        task_id: Uuid,
        filter: &LogFilter,
    ) -> Result<Option<LogPage>, StoreError> {
        let columns: Option<LogColumns> = self
            .pools
            .run_read("read logs", async |connection| {
                Prepared(
                    diesel::sql_query(READ)
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
