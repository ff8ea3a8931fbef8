//! Reading a task: everything that one answer shows of it comes from one statement, and so from one
//! snapshot.

use std::io::Write;

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
use super::logs::{LogColumns, LogEntry, MAX_PAGE_BYTES, levels_from, log_page, no_log};
use super::outputs::{AttemptOutput, OutputColumns, outputs};
use super::queue_position::{COUNTED_PLACES, QueuePosition, waiting_ahead};
use super::schema::{sql_types::TaskStatus, tasks};
use super::serving::{serving_workers, waiting};
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

/// What a list shows of a task.
#[derive(Debug, Clone, QueryableByName)]
#[diesel(table_name = tasks, check_for_backend(Pg))]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct TaskSummary {
    pub task_id: Uuid,
    pub backend: String,
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
}

/// A task with what may be large.
#[derive(Debug, Clone, QueryableByName)]
#[diesel(table_name = tasks, check_for_backend(Pg))]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct TaskRecord {
    #[diesel(embed)]
    pub summary: TaskSummary,
    /// Without the values for a circuit's inputs where they were not asked for.
    pub parameters: Json,
    /// The result, where it is small.
    pub result: Option<Json>,
    /// Whether there is a result that is not small; [`Store::large_result`] reads it.
    #[diesel(sql_type = Bool)]
    pub has_large_result: bool,
    pub execution: Option<Json>,
    /// Only where it was asked for.
    #[diesel(sql_type = Nullable<Text>)]
    pub circuit: Option<String>,
}

/// The columns of a [`TaskSummary`], of the table `t`.
macro_rules! summary {
    () => {
        "t.task_id, t.backend, t.shots, t.problem_id, t.name, t.tags, t.callback_url, t.progress, t.priority,
       t.timeout_seconds, t.max_attempts, t.attempt, t.current_status, t.submitted_at, t.available_at, t.started_at,
       t.completed_at, t.cancel_requested_at, t.worker_id, t.last_worker_id, t.error_code, t.error_message, t.metadata,
       t.correlation_id"
    };
}
pub(super) use summary;

/// Which of the large parts of a task are read with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskParts {
    /// The text of a circuit.
    pub circuit: bool,
    /// The values for the inputs of a circuit.
    pub inputs: bool,
    /// The first lines of the log, as many as this; none where it is 0.
    pub log_lines: i64,
}

/// A task in one snapshot.
#[derive(Debug, Clone)]
pub struct TaskSnapshot {
    /// The task.
    pub task: TaskRecord,
    /// Every status that it was in, oldest first.
    pub history: Vec<HistoryEntry>,
    /// Where it stands in line, if it waits.
    pub place: Option<QueuePosition>,
    /// What it waits for, if it waits.
    pub waiting: Option<Waiting>,
    /// The first lines of its log, if they were asked for, oldest first.
    pub logs: Option<Vec<LogEntry>>,
    /// What its attempts have produced, oldest first.
    pub outputs: Vec<AttemptOutput>,
}

/// The answer to a read that may be meant for later.
#[derive(Debug, Clone)]
pub enum TaskRead {
    /// The task is in one of the statuses to wait in: no more was read.
    NotYet(Status),
    /// The task.
    Now(Box<TaskSnapshot>),
}

// A result is small by what it takes in the table, compressed or not: that is known without reading it.
// A read that a wait repeats at every change is small until the wait ends.
macro_rules! read {
    ($log:expr) => {
        concat!(
            "SELECT ",
            summary!(),
            ", t.execution, due.due, history.*, log.*, output.*,
       CASE WHEN pg_column_size(t.result) <= 8192 THEN t.result END AS result,
       coalesce(pg_column_size(t.result) > 8192, false) AS has_large_result,
       CASE WHEN due.due AND $3 THEN t.circuit END AS circuit,
       CASE WHEN $4 THEN t.parameters ELSE t.parameters - 'input' END AS parameters,
       CASE WHEN due.due AND t.available_at IS NOT NULL THEN ",
            waiting_ahead!("$5"),
            " END AS ahead,
       CASE WHEN due.due THEN ",
            serving_workers!(),
            " END AS serving
FROM tasks t
CROSS JOIN LATERAL (SELECT t.current_status::text <> ALL ($2) AS due) AS due
CROSS JOIN LATERAL ",
            history!("t.task_id", "0", "due.due"),
            " AS history
CROSS JOIN LATERAL ",
            $log,
            " AS log
CROSS JOIN LATERAL ",
            outputs!("t.task_id", "due.due"),
            " AS output
WHERE t.task_id = $1"
        )
    };
}

const READ: &str = read!(no_log!());
const READ_WITH_LOG: &str = read!(log_page!(
    "t.task_id",
    "0",
    "$6",
    "NULL::timestamptz",
    "$7",
    "$8",
    "due.due"
));

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
    /// Reads a task with its history, unless it is in one of the statuses `but_in`; None where there is
    /// no such task.
    pub async fn task(
        &self,
        task_id: Uuid,
        parts: TaskParts,
        but_in: &[Status],
    ) -> Result<Option<TaskRead>, StoreError> {
        let but_in: Vec<&str> = but_in.iter().map(|status| status.as_str()).collect();
        let sql = if parts.log_lines > 0 {
            READ_WITH_LOG
        } else {
            READ
        };
        let mut query = diesel::sql_query(sql)
            .into_boxed::<Pg>()
            .bind::<SqlUuid, _>(task_id)
            .bind::<Array<Text>, _>(but_in)
            .bind::<Bool, _>(parts.circuit)
            .bind::<Bool, _>(parts.inputs)
            .bind::<Integer, _>(COUNTED_PLACES);
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

    /// A task's result, whatever its size; None where there is none. It never changes once it is there.
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

    /// Whether there is such a task.
    pub async fn knows(&self, task_id: Uuid) -> Result<bool, StoreError> {
        let query = diesel::select(diesel::dsl::exists(tasks::table.find(task_id)));
        self.pools
            .run_read("look for a task", async |connection| {
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
