//! Reading a task with its history.

use std::io::Write;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::schema::{sql_types::TaskStatus, status_history, tasks};
use super::{Store, StoreError};
use crate::domain::status::Status;

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
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = tasks, check_for_backend(Pg))]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct TaskSummary {
    pub task_id: Uuid,
    pub backend: String,
    pub shots: Option<i32>,
    pub problem_id: Option<String>,
    pub name: Option<String>,
    pub tags: Value,
    pub callback_url: Option<String>,
    pub progress: Option<Value>,
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
    pub metadata: Value,
    pub correlation_id: String,
}

/// A task with what may be large.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = tasks, check_for_backend(Pg))]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct TaskRecord {
    #[diesel(embed)]
    pub summary: TaskSummary,
    pub parameters: Value,
    pub result: Option<Value>,
    pub execution: Option<Value>,
}

/// One status that a task was in.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = status_history, check_for_backend(Pg))]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct HistoryEntry {
    pub id: i64,
    #[diesel(deserialize_as = StatusColumn)]
    pub status: Status,
    pub transitioned_at: OffsetDateTime,
    pub attempt: i32,
    pub worker_id: Option<String>,
    pub notes: Option<String>,
}

/// What happened to a task since a client looked last.
#[derive(Debug, Clone)]
pub struct TaskState {
    /// Where it stands.
    pub status: Status,
    /// What its worker says of how far it has come.
    pub progress: Option<Value>,
    /// The moves since then, oldest first.
    pub history: Vec<HistoryEntry>,
}

impl Store {
    /// A task and its history, oldest entry first; None where there is no such task.
    pub async fn task(
        &self,
        task_id: Uuid,
    ) -> Result<Option<(TaskRecord, Vec<HistoryEntry>)>, StoreError> {
        self.pools
            .run_read("read task", async |connection| {
                let query = tasks::table.find(task_id).select(TaskRecord::as_select());
                let Some(task) = query.get_result(connection).await.optional()? else {
                    return Ok(None);
                };
                let history = status_history::table
                    .filter(status_history::task_id.eq(task_id))
                    .order(status_history::id)
                    .select(HistoryEntry::as_select())
                    .load(connection)
                    .await?;
                Ok(Some((task, history)))
            })
            .await
    }

    /// A task's state and the moves behind the history row `after`; None where there is no such
    /// task.
    pub async fn task_since(
        &self,
        task_id: Uuid,
        after: i64,
    ) -> Result<Option<TaskState>, StoreError> {
        self.pools
            .run_read("follow task", async |connection| {
                let columns = (tasks::current_status, tasks::progress);
                let row = tasks::table
                    .find(task_id)
                    .select(columns)
                    .get_result::<(StatusColumn, Option<Value>)>(connection)
                    .await
                    .optional()?;
                let Some((status, progress)) = row else {
                    return Ok(None);
                };
                // Read second: it may be ahead of the status, never behind.
                let history = status_history::table
                    .filter(status_history::task_id.eq(task_id))
                    .filter(status_history::id.gt(after))
                    .order(status_history::id)
                    .select(HistoryEntry::as_select())
                    .load(connection)
                    .await?;
                Ok(Some(TaskState {
                    status: status.into(),
                    progress,
                    history,
                }))
            })
            .await
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
        self.probe("SELECT 1").await
    }

    /// Whether PostgreSQL answers and has been migrated.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        self.probe("SELECT 1 FROM sweeps").await
    }

    async fn probe(&self, statement: &'static str) -> Result<(), StoreError> {
        self.pools
            .run_control("probe", async |connection| {
                diesel::sql_query(statement).execute(connection).await
            })
            .await
            .map(drop)
    }
}
