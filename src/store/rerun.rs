//! Reruns: new tasks with the inputs of tasks that have ended.

use std::sync::LazyLock;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use time::OffsetDateTime;
use uuid::Uuid;

use super::sql::fill;
use super::statement::Prepared;
use super::turn::{key_is_over, turn_is_recent};
use super::{Store, StoreError};
use crate::domain::status::Status;
use crate::domain::task::Idempotency;
use crate::domain::trace_context::TraceContext;
use crate::metrics;

/// A task that may be rerun.
#[derive(Debug, Clone)]
pub struct RerunSource {
    /// Its id.
    pub task_id: Uuid,
    /// Its backend.
    pub backend: String,
    /// Its status.
    pub status: Status,
    /// The size of its inputs, in bytes.
    pub bytes: i64,
    /// Whether a task exists that is a rerun of it.
    pub was_rerun: bool,
    /// The trace that its attempts have continued.
    pub trace: Option<TraceContext>,
}

/// A new task with the inputs of another.
#[derive(Debug, Clone, QueryableByName)]
pub struct RerunTask {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub task_id: Uuid,
    /// Its backend.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// Its priority.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// The time of its creation by the database's clock.
    #[diesel(sql_type = Timestamptz)]
    pub submitted_at: OffsetDateTime,
    /// The task whose inputs it has.
    #[diesel(sql_type = SqlUuid)]
    pub rerun_of: Uuid,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notifications are sent")]
    backends: i64,
}

static RERUN: LazyLock<String> = LazyLock::new(|| {
    let key_is_over = key_is_over!("$6");
    fill(include_str!("rerun.sql"), &[("key_is_over", key_is_over)])
});

/// The sizes are read without the values.
const SOURCES: &str = "
SELECT t.task_id, t.backend, t.current_status::text AS status,
       coalesce(octet_length(t.circuit), 0)::bigint + pg_column_size(t.parameters) + pg_column_size(t.metadata) AS bytes,
       EXISTS (SELECT FROM tasks r WHERE r.rerun_of = t.task_id) AS was_rerun, t.traceparent, t.tracestate
FROM tasks t WHERE t.task_id = ANY ($1) ORDER BY t.task_id";

#[derive(QueryableByName)]
struct SourceRow {
    #[diesel(sql_type = SqlUuid)]
    task_id: Uuid,
    #[diesel(sql_type = Text)]
    backend: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
    #[diesel(sql_type = Bool)]
    was_rerun: bool,
    #[diesel(sql_type = Nullable<Text>)]
    traceparent: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    tracestate: Option<String>,
}

impl SourceRow {
    fn into_source(self) -> Result<RerunSource, StoreError> {
        Ok(RerunSource {
            task_id: self.task_id,
            backend: self.backend,
            status: self
                .status
                .parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))?,
            bytes: self.bytes,
            was_rerun: self.was_rerun,
            trace: self
                .traceparent
                .and_then(|parent| TraceContext::parse(&parent, self.tracestate.as_deref())),
        })
    }
}

impl Store {
    /// Returns those of the tasks that exist, in the order of their ids.
    pub async fn rerun_sources(&self, task_ids: &[Uuid]) -> Result<Vec<RerunSource>, StoreError> {
        let rows: Vec<SourceRow> = self
            .pools
            .run_read("read tasks to rerun", async |connection| {
                Prepared(diesel::sql_query(SOURCES).bind::<Array<SqlUuid>, _>(task_ids))
                    .load(connection)
                    .await
            })
            .await?;
        rows.into_iter().map(SourceRow::into_source).collect()
    }

    /// Stores a new task for each of these, with its inputs; all or none. None if the key was used, or if one of them does not exist
    /// any more or is not terminal. `bytes`: the size of all inputs. Without `trace`, each continues the trace of the other.
    pub async fn rerun(
        &self,
        sources: &[Uuid],
        correlation_id: &str,
        trace: Option<&TraceContext>,
        idempotency: Option<&Idempotency>,
        bytes: usize,
    ) -> Result<Vec<RerunTask>, StoreError> {
        let new_ids: Vec<Uuid> = sources.iter().map(|_| Uuid::now_v7()).collect();
        let policy = &self.policy;
        let created: Vec<RerunTask> = self
            .pools
            .run_sized(bytes, "rerun tasks", async |connection| {
                let rerun = Prepared(
                    diesel::sql_query(&*RERUN)
                        .bind::<Array<SqlUuid>, _>(sources)
                        .bind::<Array<SqlUuid>, _>(&new_ids)
                        .bind::<Text, _>(correlation_id)
                        .bind::<Nullable<Text>, _>(idempotency.map(|it| it.key.as_str()))
                        .bind::<Nullable<SqlUuid>, _>(idempotency.map(|it| it.fingerprint))
                        .bind::<Integer, _>(policy.idempotency_seconds())
                        .bind::<Integer, _>(policy.priority_aging_interval_ms())
                        .bind::<Nullable<Text>, _>(trace.map(ToString::to_string))
                        .bind::<Nullable<Text>, _>(trace.and_then(TraceContext::state)),
                );
                let schema = self.pools.schema();
                let rerunning = async |connection: &mut _| rerun.load(connection).await;
                schema.before(connection, rerunning).await
            })
            .await?
            .map_err(StoreError::Schema)?;
        for task in &created {
            metrics::task_moved(&task.backend, Status::Pending);
        }
        Ok(created)
    }
}
