//! Submission: new tasks, many in one statement.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::Flush;
use super::pool::Pools;
use super::queue_policy::QueuePolicy;
use super::sql::fill;
use super::statement::Prepared;
use super::turn::{key_is_over, turn_is_recent};
use super::{Store, StoreError};
use crate::domain::status::Status;
use crate::domain::task::{Idempotency, NewTask, Work};
use crate::domain::trace_context::TraceContext;
use crate::domain::webhook;
use crate::metrics;

/// The result of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insertion {
    /// The task was stored.
    Created {
        /// The time of submission by the database's clock.
        submitted_at: OffsetDateTime,
    },
    /// An earlier submission used the idempotency key; nothing was written.
    Existing(PriorSubmission),
}

/// The result of a submission of several tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchInsertion {
    /// All tasks were stored.
    Created {
        /// The time of submission by the database's clock.
        submitted_at: OffsetDateTime,
    },
    /// An earlier submission used the idempotency key; nothing was written.
    Existing(Vec<PriorSubmission>),
}

/// The submission that used an idempotency key first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorSubmission {
    /// The task of the submission.
    pub task_id: Uuid,
    /// The status of the task now.
    pub status: Status,
    /// The time of submission.
    pub submitted_at: OffsetDateTime,
    /// Whether it had the same body.
    pub same_request: bool,
    /// The correlation id of the submission.
    pub correlation_id: String,
    /// The task whose inputs it has, if it is a rerun.
    pub rerun_of: Option<Uuid>,
}

pub(super) struct Insert {
    pub(super) pools: Pools,
    pub(super) policy: QueuePolicy,
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let key_is_over = key_is_over!("$19");
    fill(include_str!("insert.sql"), &[("key_is_over", key_is_over)])
});

const EXISTING: &str = concat!(
    "SELECT t.task_id, k.key AS idempotency_key, k.request_fingerprint, t.current_status::text AS status, t.submitted_at,
       t.correlation_id, t.rerun_of
FROM idempotency_keys k CROSS JOIN LATERAL unnest(k.task_ids) WITH ORDINALITY AS named(task_id, ordinal)
JOIN tasks t ON t.task_id = named.task_id
WHERE k.key = ANY($1) AND NOT ",
    key_is_over!("$2"),
    "
ORDER BY k.key, named.ordinal"
);

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
    #[diesel(sql_type = SqlUuid)]
    request_fingerprint: Uuid,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Timestamptz)]
    submitted_at: OffsetDateTime,
    #[diesel(sql_type = Text)]
    correlation_id: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    rerun_of: Option<Uuid>,
}

impl Flush for Insert {
    type Item = Arc<NewTask>;
    // If the lookup of keys fails, the statement that stored the new tasks is committed already: only items that need the lookup
    // get the error.
    type Outcome = Result<Insertion, StoreError>;

    fn task_id(task: &Arc<NewTask>) -> Uuid {
        task.task_id
    }

    fn weight(task: &Arc<NewTask>) -> usize {
        circuit(task).map_or(0, str::len)
    }

    async fn flush(&self, tasks: &[Arc<NewTask>]) -> Result<Vec<Self::Outcome>, StoreError> {
        let created = self.create(tasks, false).await?;
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
            self.existing(&keys).await
        };
        Ok(tasks
            .iter()
            .map(|task| outcome(task, &created, &existing))
            .collect())
    }
}

impl Insert {
    /// Stores the tasks whose key is free. `whole`: all tasks are one request under one key.
    async fn create(
        &self,
        tasks: &[Arc<NewTask>],
        whole: bool,
    ) -> Result<Vec<CreatedRow>, StoreError> {
        let policy = &self.policy;
        let bytes = tasks.iter().map(Self::weight).sum();
        let created: Vec<CreatedRow> = self
            .pools
            .run_sized(bytes, "insert tasks", async |connection| {
                let insert = Prepared(
                    diesel::sql_query(&*INSERT)
                        .bind::<Array<SqlUuid>, _>(column(tasks, |task| task.task_id))
                        .bind::<Array<Text>, _>(column(tasks, |task| task.backend.as_str()))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, circuit))
                        .bind::<Array<Nullable<Integer>>, _>(column(tasks, shots))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, problem_id))
                        .bind::<Array<Jsonb>, _>(column(tasks, |task| {
                            Value::Object(task.work.parameters())
                        }))
                        .bind::<Array<SmallInt>, _>(column(tasks, |task| task.priority))
                        .bind::<Array<Integer>, _>(column(tasks, |task| task.timeout_seconds))
                        .bind::<Array<SmallInt>, _>(column(tasks, |task| task.max_attempts))
                        .bind::<Array<Jsonb>, _>(column(tasks, |task| {
                            Value::Object(task.metadata.clone())
                        }))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, |task| {
                            task.name.as_deref()
                        }))
                        .bind::<Array<Jsonb>, _>(column(tasks, |task| json!(task.tags)))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, |task| {
                            task.callback_url.as_deref()
                        }))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, key))
                        .bind::<Array<Nullable<SqlUuid>>, _>(column(tasks, |task| {
                            task.idempotency
                                .as_ref()
                                .map(|idempotency| idempotency.fingerprint)
                        }))
                        .bind::<Array<Text>, _>(column(tasks, |task| task.correlation_id.as_str()))
                        .bind::<Array<Integer>, _>((0..).take(tasks.len()).collect::<Vec<i32>>())
                        .bind::<Bool, _>(whole)
                        .bind::<Integer, _>(policy.idempotency_seconds())
                        .bind::<Integer, _>(policy.priority_aging_interval_ms())
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, |task| {
                            webhook::receiver(task.callback_url.as_deref()?)
                        }))
                        .bind::<Array<Text>, _>(column(tasks, |task| task.project.as_str()))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, |task| {
                            task.trace.as_ref().map(ToString::to_string)
                        }))
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, |task| {
                            task.trace.as_ref().and_then(TraceContext::state)
                        })),
                );
                let schema = self.pools.schema();
                let inserting = async |connection: &mut _| insert.load(connection).await;
                schema.before(connection, inserting).await
            })
            .await?
            .map_err(StoreError::Schema)?;
        count(tasks, &created);
        Ok(created)
    }

    async fn existing(&self, keys: &[&str]) -> Result<Vec<ExistingRow>, StoreError> {
        let seconds = self.policy.idempotency_seconds();
        self.pools
            .run("find tasks by idempotency key", async |connection| {
                Prepared(
                    diesel::sql_query(EXISTING)
                        .bind::<Array<Text>, _>(keys)
                        .bind::<Integer, _>(seconds),
                )
                .load(connection)
                .await
            })
            .await
    }
}

impl Store {
    /// Stores all of these tasks, which are one request, or none.
    pub async fn insert_all(&self, tasks: &[Arc<NewTask>]) -> Result<BatchInsertion, StoreError> {
        let insert = self.insert_alone();
        let created = insert.create(tasks, true).await?;
        if created.len() == tasks.len() {
            let now = OffsetDateTime::now_utc();
            let submitted_at = created
                .as_slice()
                .first()
                .map_or(now, |row| row.submitted_at);
            return Ok(BatchInsertion::Created { submitted_at });
        }
        let idempotency = tasks.first().and_then(|task| task.idempotency.as_ref());
        let prior = match idempotency {
            Some(idempotency) => insert.prior(idempotency).await?,
            None => Vec::new(),
        };
        if prior.is_empty() {
            let reason = "the tasks of this idempotency key were deleted".to_owned();
            return Err(StoreError::SerializationConflict(reason));
        }
        Ok(BatchInsertion::Existing(prior))
    }

    /// Returns the tasks of the submission that used this idempotency key first, in the order of its request; empty if there was
    /// no such submission.
    pub async fn prior_submission(
        &self,
        idempotency: Option<&Idempotency>,
    ) -> Result<Vec<PriorSubmission>, StoreError> {
        match idempotency {
            Some(idempotency) => self.insert_alone().prior(idempotency).await,
            None => Ok(Vec::new()),
        }
    }

    fn insert_alone(&self) -> Insert {
        Insert {
            pools: self.pools.clone(),
            policy: self.policy,
        }
    }
}

impl Insert {
    async fn prior(&self, idempotency: &Idempotency) -> Result<Vec<PriorSubmission>, StoreError> {
        // Not an error that says "nothing was changed": an earlier request may have been accepted.
        let rows = self
            .existing(&[&idempotency.key])
            .await
            .map_err(|error| StoreError::OutcomeUnknown(error.to_string()))?;
        rows.iter().map(|row| row.prior(idempotency)).collect()
    }
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
    let missing = || {
        StoreError::SerializationConflict("the task of this idempotency key was deleted".to_owned())
    };
    let idempotency = task.idempotency.as_ref().ok_or_else(missing)?;
    // Not an error that says "nothing was changed": an earlier request may have been accepted.
    let existing = existing
        .as_ref()
        .map_err(|error| StoreError::OutcomeUnknown(error.to_string()))?;
    let row = existing
        .iter()
        .find(|row| row.idempotency_key == idempotency.key);
    row.ok_or_else(missing)?
        .prior(idempotency)
        .map(Insertion::Existing)
}

impl ExistingRow {
    fn prior(&self, idempotency: &Idempotency) -> Result<PriorSubmission, StoreError> {
        Ok(PriorSubmission {
            task_id: self.task_id,
            status: self
                .status
                .parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))?,
            submitted_at: self.submitted_at,
            same_request: self.request_fingerprint == idempotency.fingerprint,
            correlation_id: self.correlation_id.clone(),
            rerun_of: self.rerun_of,
        })
    }
}

fn count(tasks: &[Arc<NewTask>], created: &[CreatedRow]) {
    let created: HashSet<Uuid> = created.iter().map(|row| row.task_id).collect();
    for task in tasks.iter().filter(|task| created.contains(&task.task_id)) {
        metrics::task_moved(&task.backend, Status::Pending);
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
    if let Work::Circuit { options, .. } = &task.work {
        i32::try_from(options.shots).ok()
    } else {
        None
    }
}

fn problem_id(task: &NewTask) -> Option<&str> {
    if let Work::Problem { problem_id, .. } = &task.work {
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
