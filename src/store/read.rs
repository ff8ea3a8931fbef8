//! Reads of a task: everything that one answer shows comes from one statement, and so from one snapshot.

use std::io::Write;
use std::sync::LazyLock;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::history::{HistoryColumns, HistoryEntry, history};
use super::logs::{LogColumns, LogEntry, LogPageSql, MAX_PAGE_BYTES, levels_from, no_log};
use super::outputs::{AttemptOutput, OutputColumns, outputs};
use super::queue_position::{MAX_COUNTED_AHEAD, QueuePosition, waiting_ahead};
use super::schema::{sql_types::TaskStatus, tasks};
use super::serving::{SERVING_WORKERS, waiting};
use super::sql::fill;
use super::statement::Prepared;
use super::{Json, Store, StoreError};
use crate::domain::log::Level;
use crate::domain::status::Status;
use crate::domain::waiting::Waiting;

/// [`Status`] as the column's type.
#[derive(Debug, Clone, Copy, FromSqlRow, AsExpression)]
#[diesel(sql_type = TaskStatus)]
pub struct StatusColumn(Status);

impl FromSql<TaskStatus, Pg> for StatusColumn {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.parse()?))
    }
}

impl ToSql<TaskStatus, Pg> for StatusColumn {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_str().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl From<StatusColumn> for Status {
    fn from(column: StatusColumn) -> Self {
        column.0
    }
}

/// The columns of a task that a list shows.
#[derive(Debug, Clone, QueryableByName)]
#[diesel(table_name = tasks, check_for_backend(Pg))]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct TaskSummary {
    pub task_id: Uuid,
    pub backend: String,
    pub project: String,
    pub shots: Option<i32>,
    pub problem_id: Option<String>,
    pub name: Option<String>,
    pub tags: Json,
    pub callback_url: Option<String>,
    pub progress: Option<Json>,
    pub priority: i16,
    pub timeout_seconds: i32,
    pub max_attempts: i16,
    pub attempt: i32,
    #[diesel(deserialize_as = StatusColumn)]
    pub current_status: Status,
    pub submitted_at: OffsetDateTime,
    pub available_at: Option<OffsetDateTime>,
    pub started_at: Option<OffsetDateTime>,
    pub completed_at: Option<OffsetDateTime>,
    pub cancel_requested_at: Option<OffsetDateTime>,
    pub worker_id: Option<String>,
    pub last_worker_id: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub metadata: Json,
    pub correlation_id: String,
    pub rerun_of: Option<Uuid>,
    /// Whether the task waits and its backend is paused.
    #[diesel(sql_type = Bool)]
    pub backend_paused: bool,
}

/// A task with the columns that may be large.
#[derive(Debug, Clone, QueryableByName)]
#[diesel(table_name = tasks, check_for_backend(Pg))]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct TaskRecord {
    #[diesel(embed)]
    pub summary: TaskSummary,
    /// Without the values of the inputs, unless they were requested.
    pub parameters: Json,
    /// The result, if it is small.
    pub result: Option<Json>,
    /// Whether there is a large result, which [`Store::large_result`] reads.
    #[diesel(sql_type = Bool)]
    pub has_large_result: bool,
    pub execution: Option<Json>,
    /// Only if requested.
    #[diesel(sql_type = Nullable<Text>)]
    pub circuit: Option<String>,
}

/// The columns of a [`TaskSummary`], of the table `t`.
macro_rules! summary {
    () => {
        "t.task_id, t.backend, t.project, t.shots, t.problem_id, t.name, t.tags, t.callback_url, t.progress, t.priority,
       t.timeout_seconds, t.max_attempts, t.attempt, t.current_status, t.submitted_at, t.available_at, t.started_at,
       t.completed_at, t.cancel_requested_at, t.worker_id, t.last_worker_id, t.error_code, t.error_message, t.metadata,
       t.correlation_id, t.rerun_of,
       (t.available_at IS NOT NULL AND EXISTS (SELECT FROM paused_backends p WHERE p.backend = t.backend)) AS backend_paused"
    };
}
pub(super) use summary;

/// Which of the large parts of a task are read with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskParts {
    /// The text of a circuit.
    pub circuit: bool,
    /// The values of the inputs of a circuit.
    pub inputs: bool,
    /// The number of log lines, from the first; 0 for none.
    pub log_lines: i64,
}

/// A task in one snapshot.
#[derive(Debug, Clone)]
pub struct TaskSnapshot {
    /// The task.
    pub task: TaskRecord,
    /// The history, oldest entry first.
    pub history: Vec<HistoryEntry>,
    /// The position in the queue, if the task waits.
    pub place: Option<QueuePosition>,
    /// Why the task waits, if it does.
    pub waiting: Option<Waiting>,
    /// The first log lines, oldest first, if requested.
    pub logs: Option<Vec<LogEntry>>,
    /// The outputs of its attempts, oldest first.
    pub outputs: Vec<AttemptOutput>,
}

/// The answer to a read that waits for a status.
#[derive(Debug, Clone)]
pub enum TaskRead {
    /// The task has one of the statuses to wait in; nothing else was read.
    NotYet(Status),
    /// The task.
    Now(Box<TaskSnapshot>),
}

fn read(log: &str) -> String {
    let parts = [
        ("summary", summary!()),
        ("waiting_ahead", waiting_ahead!("$5")),
        ("serving_workers", SERVING_WORKERS),
        ("history", &history("t.task_id", "0", "due.due")),
        ("log", log),
        ("outputs", outputs!("t.task_id", "due.due")),
    ];
    fill(include_str!("read.sql"), &parts)
}

static READ: LazyLock<String> = LazyLock::new(|| read(no_log!()));
static READ_WITH_LOG: LazyLock<String> = LazyLock::new(|| {
    let log = LogPageSql {
        task: "t.task_id",
        after: "0",
        levels: "$6",
        since: "NULL::timestamptz",
        limit: "$7",
        bytes: "$8",
        condition: "due.due",
    };
    read(&log.subquery())
});

#[derive(QueryableByName)]
struct ReadRow {
    #[diesel(embed)]
    task: TaskRecord,
    #[diesel(embed)]
    history: HistoryColumns,
    #[diesel(embed)]
    log: LogColumns,
    #[diesel(embed)]
    outputs: OutputColumns,
    #[diesel(sql_type = Bool)]
    due: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    ahead: Option<i64>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    serving: Option<Value>,
}

impl ReadRow {
    fn into_read(self, parts: TaskParts) -> Result<TaskRead, StoreError> {
        if !self.due {
            return Ok(TaskRead::NotYet(self.task.summary.current_status));
        }
        let place = self.ahead.map(QueuePosition::behind);
        Ok(TaskRead::Now(Box::new(TaskSnapshot {
            task: self.task,
            history: self.history.into_entries()?,
            place,
            waiting: place
                .zip(self.serving)
                .and_then(|(place, serving)| waiting(place, serving)),
            logs: (parts.log_lines > 0).then(|| self.log.into_page().lines),
            outputs: self.outputs.into_entries(),
        })))
    }
}

impl Store {
    /// Returns a task with its history, or only its status if that is one of `not_in`; `None` if there is no such task.
    pub async fn task(
        &self,
        task_id: Uuid,
        parts: TaskParts,
        not_in: &[Status],
    ) -> Result<Option<TaskRead>, StoreError> {
        let not_in: Vec<&str> = not_in.iter().map(|status| status.as_str()).collect();
        let sql = if parts.log_lines > 0 {
            &*READ_WITH_LOG
        } else {
            &*READ
        };
        let mut query = diesel::sql_query(sql)
            .into_boxed::<Pg>()
            .bind::<SqlUuid, _>(task_id)
            .bind::<Array<Text>, _>(not_in)
            .bind::<Bool, _>(parts.circuit)
            .bind::<Bool, _>(parts.inputs)
            .bind::<Integer, _>(MAX_COUNTED_AHEAD);
        if parts.log_lines > 0 {
            query = query
                .bind::<Array<Text>, _>(levels_from(Level::Debug))
                .bind::<BigInt, _>(parts.log_lines)
                .bind::<BigInt, _>(MAX_PAGE_BYTES);
        }
        let row: Option<ReadRow> = self
            .pools
            .run_read("read task", async |connection| {
                Prepared(query).get_result(connection).await.optional()
            })
            .await?;
        row.map(|row| row.into_read(parts)).transpose()
    }

    /// Returns the result of a task, of any size; `None` if there is none. A result never changes.
    pub async fn large_result(&self, task_id: Uuid) -> Result<Option<Json>, StoreError> {
        let query = tasks::table.find(task_id).select(tasks::result);
        let result = self
            .pools
            .run_read_large("read a large result", async |connection| {
                query
                    .get_result::<Option<Json>>(connection)
                    .await
                    .optional()
            })
            .await?;
        Ok(result.flatten())
    }

    /// Whether a task of this id exists.
    pub async fn task_exists(&self, task_id: Uuid) -> Result<bool, StoreError> {
        let query = diesel::select(diesel::dsl::exists(tasks::table.find(task_id)));
        self.pools
            .run_read("check task", async |connection| {
                query.get_result(connection).await
            })
            .await
    }

    /// Whether PostgreSQL answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pools
            .run_control("probe", async |connection| {
                diesel::sql_query("SELECT 1").execute(connection).await
            })
            .await
            .map(drop)
    }
}
