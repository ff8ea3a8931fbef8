//! Submission: new tasks, many in one statement.

use std::sync::Arc;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::Flush;
use super::pool::Pools;
use super::statement::Prepared;
use super::{Store, StoreError, Wake};
use crate::domain::status::Status;
use crate::domain::task::{Idempotency, NewTask, Work};

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insertion {
    /// A new row.
    Created {
        /// The database's time of it.
        submitted_at: OffsetDateTime,
    },
    /// The idempotency key stands at an earlier task; nothing was written.
    Existing(Earlier),
}

/// The submission that used an idempotency key first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The task that it became.
    pub task_id: Uuid,
    /// Where that stands.
    pub status: Status,
    /// When it was submitted.
    pub submitted_at: OffsetDateTime,
    /// Whether it had the same body.
    pub same_request: bool,
    /// Its correlation id.
    pub correlation_id: String,
}

pub(super) struct Insert {
    pub(super) pools: Pools,
    pub(super) wake: Wake,
}

// dispatched_at is set here already: the good path publishes right after the commit and needs no
// second update. A row that met its idempotency key is not returned; EXISTING looks its task up.
const INSERT: &str = "
WITH input AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        AS i(task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts, metadata,
             idempotency_key, request_fingerprint, correlation_id, ordinal)
), created AS (
    INSERT INTO tasks (task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts,
                       metadata, idempotency_key, request_fingerprint, correlation_id,
                       submitted_at, available_at, dispatched_at)
    SELECT task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts,
           metadata, idempotency_key, request_fingerprint, correlation_id, now, now, now
    FROM input, (SELECT clock_timestamp() AS now) AS clock
    ORDER BY ordinal
    ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING task_id, backend, submitted_at
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, notes)
    SELECT task_id, 'pending', submitted_at, 0, 'Task created' FROM created
), woken AS (
    SELECT count(pg_notify('qtask_ready', backend)) AS backends
    FROM (SELECT DISTINCT backend FROM created WHERE $15) AS ready
)
SELECT created.task_id, created.submitted_at, woken.backends FROM created, woken";

const EXISTING: &str = "
SELECT task_id, idempotency_key, request_fingerprint, current_status::text AS status, submitted_at, correlation_id
FROM tasks WHERE idempotency_key = ANY($1)";

#[derive(QueryableByName)]
struct CreatedRow {
    #[diesel(sql_type = SqlUuid)]
    task_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    submitted_at: OffsetDateTime,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notifications are sent")]
    backends: i64,
}

#[derive(QueryableByName)]
struct ExistingRow {
    #[diesel(sql_type = SqlUuid)]
    task_id: Uuid,
    #[diesel(sql_type = Text)]
    idempotency_key: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    request_fingerprint: Option<Uuid>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Timestamptz)]
    submitted_at: OffsetDateTime,
    #[diesel(sql_type = Text)]
    correlation_id: String,
}

impl Flush for Insert {
    type Item = Arc<NewTask>;
    // The statement that stores new tasks may be committed when the lookup of keys fails: that is
    // the answer to those who wait for the lookup, and to nobody else.
    type Outcome = Result<Insertion, StoreError>;

    fn weight(task: &Arc<NewTask>) -> usize {
        circuit(task).map_or(0, str::len)
    }

    async fn flush(&self, tasks: &[Arc<NewTask>]) -> Result<Vec<Self::Outcome>, StoreError> {
        let created = self.create(tasks).await?;
        let refused = |task: &&Arc<NewTask>| !created.iter().any(|row| row.task_id == task.task_id);
        let keys: Vec<&str> = if created.len() == tasks.len() {
            Vec::new()
        } else {
            tasks
                .iter()
                .filter(refused)
                .filter_map(|task| Some(task.idempotency.as_ref()?.key.as_str()))
                .collect()
        };
        let existing = if keys.is_empty() {
            Ok(Vec::new())
        } else {
            existing(&self.pools, &keys).await
        };
        Ok(tasks
            .iter()
            .map(|task| outcome(task, &created, &existing))
            .collect())
    }
}

impl Insert {
    async fn create(&self, tasks: &[Arc<NewTask>]) -> Result<Vec<CreatedRow>, StoreError> {
        let wake = self.wake == Wake::Notify;
        self.pools
            .run("insert tasks", async |connection| {
                Prepared(
                    diesel::sql_query(INSERT)
                        .bind::<Array<SqlUuid>, _>(column(tasks, |task| task.task_id))
                        .bind::<Array<Text>, _>(column(tasks, |task| task.backend.as_str()))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, circuit))
                        .bind::<Array<Nullable<Integer>>, _>(column(tasks, shots))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, problem_id))
                        .bind::<Array<Jsonb>, _>(column(tasks, |task| {
                            Value::Object(task.parameters.clone())
                        }))
                        .bind::<Array<SmallInt>, _>(column(tasks, |task| task.priority))
                        .bind::<Array<Integer>, _>(column(tasks, |task| task.timeout_seconds))
                        .bind::<Array<SmallInt>, _>(column(tasks, |task| task.max_attempts))
                        .bind::<Array<Jsonb>, _>(column(tasks, |task| {
                            Value::Object(task.metadata.clone())
                        }))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, key))
                        .bind::<Array<Nullable<SqlUuid>>, _>(column(tasks, |task| {
                            task.idempotency
                                .as_ref()
                                .map(|idempotency| idempotency.fingerprint)
                        }))
                        .bind::<Array<Text>, _>(column(tasks, |task| task.correlation_id.as_str()))
                        .bind::<Array<Integer>, _>((0..).take(tasks.len()).collect::<Vec<i32>>())
                        .bind::<Bool, _>(wake),
                )
                .load(connection)
                .await
            })
            .await
    }
}

impl Store {
    /// The submission that used the task's idempotency key first, if there was one.
    pub async fn earlier_submission(&self, task: &NewTask) -> Result<Option<Earlier>, StoreError> {
        let Some(idempotency) = &task.idempotency else {
            return Ok(None);
        };
        let rows = existing(&self.pools, &[&idempotency.key])
            .await
            .map_err(|error| StoreError::OutcomeUnknown(error.to_string()))?;
        let first = rows.into_iter().next();
        first.map(|row| row.earlier(idempotency)).transpose()
    }
}

async fn existing(pools: &Pools, keys: &[&str]) -> Result<Vec<ExistingRow>, StoreError> {
    pools
        .run("find tasks by idempotency key", async |connection| {
            Prepared(diesel::sql_query(EXISTING).bind::<Array<Text>, _>(keys))
                .load(connection)
                .await
        })
        .await
}

fn outcome(
    task: &NewTask,
    created: &[CreatedRow],
    existing: &Result<Vec<ExistingRow>, StoreError>,
) -> Result<Insertion, StoreError> {
    if let Some(row) = created.iter().find(|row| row.task_id == task.task_id) {
        return Ok(Insertion::Created {
            submitted_at: row.submitted_at,
        });
    }
    let missing = || StoreError::Collision("the task of this idempotency key is gone".to_owned());
    let idempotency = task.idempotency.as_ref().ok_or_else(missing)?;
    // Not "nothing was changed": the request may have been accepted before.
    let existing = existing
        .as_ref()
        .map_err(|error| StoreError::OutcomeUnknown(error.to_string()))?;
    let row = existing
        .iter()
        .find(|row| row.idempotency_key == idempotency.key);
    row.ok_or_else(missing)?
        .earlier(idempotency)
        .map(Insertion::Existing)
}

impl ExistingRow {
    fn earlier(&self, idempotency: &Idempotency) -> Result<Earlier, StoreError> {
        Ok(Earlier {
            task_id: self.task_id,
            status: self
                .status
                .parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))?,
            submitted_at: self.submitted_at,
            same_request: self.request_fingerprint == Some(idempotency.fingerprint),
            correlation_id: self.correlation_id.clone(),
        })
    }
}

fn column<'a, T>(tasks: &'a [Arc<NewTask>], field: impl Fn(&'a NewTask) -> T) -> Vec<T> {
    tasks.iter().map(|task| field(task)).collect()
}

fn circuit(task: &NewTask) -> Option<&str> {
    if let Work::Circuit { source, .. } = &task.work {
        Some(source)
    } else {
        None
    }
}

fn shots(task: &NewTask) -> Option<i32> {
    if let Work::Circuit { shots, .. } = task.work {
        i32::try_from(shots).ok()
    } else {
        None
    }
}

fn problem_id(task: &NewTask) -> Option<&str> {
    if let Work::Problem { problem_id } = &task.work {
        Some(problem_id)
    } else {
        None
    }
}

fn key(task: &NewTask) -> Option<&str> {
    task.idempotency
        .as_ref()
        .map(|idempotency| idempotency.key.as_str())
}
