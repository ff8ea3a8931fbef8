//! Submission: new tasks, many in one statement.

use std::collections::HashSet;
use std::sync::Arc;

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
use super::statement::Prepared;
use super::turn::{key_is_over, turn_is_recent};
use super::{QueuePolicy, Store, StoreError};
use crate::domain::status::Status;
use crate::domain::task::{Idempotency, NewTask, Work};
use crate::domain::webhook;
use crate::metrics;

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insertion {
    /// A new row.
    Created {
        /// The database's time of it.
        submitted_at: OffsetDateTime,
    },
    /// The idempotency key stands at an earlier task; nothing was written.
    Existing(PriorSubmission),
}

/// What became of a submission of many tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchInsertion {
    /// A new row for each.
    Created {
        /// The database's time of it.
        submitted_at: OffsetDateTime,
    },
    /// The idempotency key stands at earlier tasks; nothing was written.
    Existing(Vec<PriorSubmission>),
}

/// The submission that used an idempotency key first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorSubmission {
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
    pub(super) rules: QueuePolicy,
}

// The key comes first: whoever gets it, or finds it after its time, may store the task. dispatched_at
// is set here already: the good path publishes right after the commit and needs no second update.
const INSERT: &str = concat!(
    "WITH input AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $21)
    AS i(task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts, metadata,
        name, tags, callback_url, idempotency_key, request_fingerprint, correlation_id, ordinal, webhook_host)
), keyed AS (
    INSERT INTO idempotency_keys AS k (key, request_fingerprint, task_ids)
    SELECT idempotency_key, (array_agg(request_fingerprint ORDER BY ordinal))[1],
        CASE WHEN $18 THEN array_agg(task_id ORDER BY ordinal) ELSE (array_agg(task_id ORDER BY ordinal))[1:1] END
    FROM input WHERE idempotency_key IS NOT NULL GROUP BY idempotency_key ORDER BY idempotency_key
    ON CONFLICT (key) DO UPDATE SET request_fingerprint = excluded.request_fingerprint, task_ids = excluded.task_ids, created_at = clock_timestamp()
    WHERE ",
    key_is_over!("$19"),
    "
    RETURNING task_ids
), created AS (
    INSERT INTO tasks (task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts,
                       metadata, name, tags, callback_url, webhook_host, idempotency_key, correlation_id,
                       submitted_at, available_at, dispatched_at, queue_rank)
    SELECT task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts,
           metadata, name, tags, callback_url, webhook_host, idempotency_key, correlation_id,
           now, now, now, now - priority * $20 * interval '1 millisecond'
    FROM input, (SELECT clock_timestamp() AS now) AS clock
    WHERE idempotency_key IS NULL OR task_id IN (SELECT unnest(task_ids) FROM keyed)
    ORDER BY ordinal
    RETURNING task_id, backend, submitted_at, tags, priority
), tagged AS (
    INSERT INTO task_tags (tag, priority, task_id)
    SELECT DISTINCT tag, priority, task_id FROM created, jsonb_array_elements_text(tags) AS tag
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, notes)
    SELECT task_id, 'pending', submitted_at, 0, 'Task created' FROM created
), woken AS (
    SELECT count(pg_notify('qtask_ready', backend)) AS backends FROM (SELECT DISTINCT backend FROM created) AS ready
)
SELECT created.task_id, created.submitted_at, woken.backends FROM created, woken"
);

const EXISTING: &str = concat!(
    "SELECT t.task_id, k.key AS idempotency_key, k.request_fingerprint, t.current_status::text AS status, t.submitted_at,
       t.correlation_id
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
}

impl Flush for Insert {
    type Item = Arc<NewTask>;
    // The statement that stores new tasks may be committed when the lookup of keys fails: that is
    // the answer to those who wait for the lookup, and to nobody else.
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
    /// Stores those whose key is free. `whole` says that all of them are one request, under one key.
    async fn create(
        &self,
        tasks: &[Arc<NewTask>],
        whole: bool,
    ) -> Result<Vec<CreatedRow>, StoreError> {
        let rules = &self.rules;
        let bytes = tasks.iter().map(Self::weight).sum();
        let created: Vec<CreatedRow> = self
            .pools
            .run_sized(bytes, "insert tasks", async |connection| {
                let insert = Prepared(
                    diesel::sql_query(INSERT)
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
                        .bind::<Integer, _>(rules.idempotency_seconds())
                        .bind::<Integer, _>(rules.priority_aging_interval_ms())
                        .bind::<Array<Nullable<Text>>, _>(column(tasks, |task| {
                            webhook::receiver(task.callback_url.as_deref()?)
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
        let seconds = self.rules.idempotency_seconds();
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
    /// Stores all of these tasks, which are one request, or none of them.
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
        let earlier = match idempotency {
            Some(idempotency) => insert.earlier(idempotency).await?,
            None => Vec::new(),
        };
        if earlier.is_empty() {
            let gone = "the tasks of this idempotency key are gone".to_owned();
            return Err(StoreError::Collision(gone));
        }
        Ok(BatchInsertion::Existing(earlier))
    }

    /// The tasks of the submission that used this idempotency key first, in its order; none where
    /// there was no such submission.
    pub async fn earlier_submission(
        &self,
        idempotency: Option<&Idempotency>,
    ) -> Result<Vec<PriorSubmission>, StoreError> {
        match idempotency {
            Some(idempotency) => self.insert_alone().earlier(idempotency).await,
            None => Ok(Vec::new()),
        }
    }

    fn insert_alone(&self) -> Insert {
        Insert {
            pools: self.pools.clone(),
            rules: self.rules,
        }
    }
}

impl Insert {
    async fn earlier(&self, idempotency: &Idempotency) -> Result<Vec<PriorSubmission>, StoreError> {
        // Not "nothing was changed": the request may have been accepted before.
        let rows = self
            .existing(&[&idempotency.key])
            .await
            .map_err(|error| StoreError::OutcomeUnknown(error.to_string()))?;
        rows.iter().map(|row| row.earlier(idempotency)).collect()
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
    fn earlier(&self, idempotency: &Idempotency) -> Result<PriorSubmission, StoreError> {
        Ok(PriorSubmission {
            task_id: self.task_id,
            status: self
                .status
                .parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))?,
            submitted_at: self.submitted_at,
            same_request: self.request_fingerprint == idempotency.fingerprint,
            correlation_id: self.correlation_id.clone(),
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
