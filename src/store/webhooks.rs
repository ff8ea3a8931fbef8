//! Webhooks: the HTTP calls for tasks that have ended.
//!
//! A trigger inserts the rows in the commit that ends the task. The statements here take a webhook for one delivery attempt, and
//! record the result.

use std::time::Duration;

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::sql::body;
use super::statement::Prepared;
use super::sweep_bounds::SWEEP_ROWS;
use super::{Store, StoreError};
use crate::domain::trace_context::TraceContext;

/// A delivery attempt of a webhook, with the task that has ended.
#[derive(Debug, Clone, QueryableByName)]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct DueWebhook {
    #[diesel(sql_type = SqlUuid)]
    pub task_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub delivery_id: Uuid,
    #[diesel(sql_type = Text)]
    pub url: String,
    /// The receiver: host and port, as stored; empty if the task is older than the column.
    #[diesel(sql_type = Text)]
    pub host: String,
    /// The number of this delivery attempt, from 1.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Bool)]
    pub is_circuit: bool,
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    #[diesel(sql_type = Integer)]
    pub attempt: i32,
    #[diesel(sql_type = Timestamptz)]
    pub completed_at: OffsetDateTime,
    #[diesel(sql_type = Nullable<Text>)]
    pub error_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub error_message: Option<String>,
    #[diesel(sql_type = Text)]
    pub correlation_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    traceparent: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    tracestate: Option<String>,
}

impl DueWebhook {
    /// The trace that the call continues.
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::parse(self.traceparent.as_deref()?, self.tracestate.as_deref())
    }
}

#[derive(QueryableByName)]
struct ResultRow {
    #[diesel(sql_type = Nullable<Jsonb>)]
    result: Option<Value>,
}

/// How long a delivered or abandoned webhook is kept.
const KEPT_DAYS: i32 = 7;

const TAKE: &str = body(include_str!("webhooks_take.sql"));

/// The length of the text is known only after printing it, which is slow for a large result. A result that takes more than four
/// times the bytes in the table, compressed or not, is longer as text, too.
const RESULT: &str = "
SELECT CASE WHEN pg_column_size(result) <= 4 * $2::bigint THEN
           CASE WHEN octet_length(result::text) <= $2 THEN result END
       END AS result
FROM tasks WHERE task_id = $1";

/// No call was made: the attempt is not counted. A webhook that another process has taken after the lease is left unchanged.
const CORRECT: &str = "
UPDATE webhooks c SET host = i.host, attempts = c.attempts - 1, due_at = clock_timestamp()
FROM unnest($1, $2, $3) AS i(task_id, attempts, host)
WHERE c.task_id = i.task_id AND c.attempts = i.attempts AND c.due_at IS NOT NULL";

/// Any attempt may report the delivery.
const DELIVERED: &str = "
UPDATE webhooks SET due_at = NULL, delivered_at = clock_timestamp(), last_error = NULL
WHERE task_id = $1 AND due_at IS NOT NULL";

/// Only the last attempt may schedule the next one.
const FAILED: &str = "
UPDATE webhooks
SET due_at = clock_timestamp() + $4 * interval '1 millisecond', put_off_at = clock_timestamp(),
    given_up_at = CASE WHEN $4 IS NULL THEN clock_timestamp() END, last_error = $3
WHERE task_id = $1 AND attempts = $2 AND due_at IS NOT NULL";

const DELETE_EXPIRED: &str = "
DELETE FROM webhooks WHERE task_id IN (
    SELECT task_id FROM webhooks
    WHERE due_at IS NULL AND coalesce(delivered_at, given_up_at) < clock_timestamp() - $1 * interval '1 day'
    ORDER BY coalesce(delivered_at, given_up_at) LIMIT $2 FOR UPDATE SKIP LOCKED
)";

impl Store {
    /// Takes up to `limit` due webhooks, so that no host has more than `per_host` calls at once; `busy` names the host of each call
    /// in progress. A webhook is due again after `lease`, unless its result is recorded before.
    pub async fn take_webhooks(
        &self,
        limit: usize,
        lease: Duration,
        busy: &[String],
        per_host: i32,
    ) -> Result<Vec<DueWebhook>, StoreError> {
        self.pools
            .run("take webhooks", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE)
                        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                        .bind::<BigInt, _>(milliseconds(lease))
                        .bind::<Array<Text>, _>(busy)
                        .bind::<Integer, _>(per_host),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// Returns webhooks that were taken under a wrong host, and corrects the host.
    pub async fn correct_hosts(&self, calls: &[(DueWebhook, String)]) -> Result<(), StoreError> {
        let task_ids: Vec<Uuid> = calls.iter().map(|(call, _)| call.task_id).collect();
        let attempts: Vec<i32> = calls.iter().map(|(call, _)| call.attempts).collect();
        let hosts: Vec<&str> = calls.iter().map(|(_, host)| host.as_str()).collect();
        self.pools
            .run("correct hosts of webhooks", async |connection| {
                Prepared(
                    diesel::sql_query(CORRECT)
                        .bind::<Array<SqlUuid>, _>(task_ids)
                        .bind::<Array<Integer>, _>(attempts)
                        .bind::<Array<Text>, _>(hosts),
                )
                .execute(connection)
                .await
            })
            .await
            .map(drop)
    }

    /// Returns the result of a task; `None` if there is none, or if its text is longer than `max_bytes`.
    pub async fn small_result(
        &self,
        task_id: Uuid,
        max_bytes: i32,
    ) -> Result<Option<Value>, StoreError> {
        let row: Option<ResultRow> = self
            .pools
            .run_read("read a result for a webhook", async |connection| {
                Prepared(
                    diesel::sql_query(RESULT)
                        .bind::<SqlUuid, _>(task_id)
                        .bind::<Integer, _>(max_bytes),
                )
                .get_result(connection)
                .await
                .optional()
            })
            .await?;
        Ok(row.and_then(|row| row.result))
    }

    /// Records a successful delivery.
    pub async fn record_webhook_delivery(&self, task_id: Uuid) -> Result<(), StoreError> {
        self.pools
            .run("record webhook delivery", async |connection| {
                Prepared(diesel::sql_query(DELIVERED).bind::<SqlUuid, _>(task_id))
                    .execute(connection)
                    .await
            })
            .await
            .map(drop)
    }

    /// Records a failed delivery attempt. The next one is due after `retry_after`; without it the webhook is abandoned.
    pub async fn record_webhook_failure(
        &self,
        call: &DueWebhook,
        error: &str,
        retry_after: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.pools
            .run("record webhook failure", async |connection| {
                Prepared(
                    diesel::sql_query(FAILED)
                        .bind::<SqlUuid, _>(call.task_id)
                        .bind::<Integer, _>(call.attempts)
                        .bind::<Text, _>(error)
                        .bind::<Nullable<BigInt>, _>(retry_after.map(milliseconds)),
                )
                .execute(connection)
                .await
            })
            .await
            .map(drop)
    }

    /// Deletes up to [`SWEEP_ROWS`] webhooks that were delivered or abandoned long ago, and returns their number.
    pub async fn delete_expired_webhooks(&self) -> Result<usize, StoreError> {
        self.pools
            .run_control("delete expired webhooks", async |connection| {
                Prepared(
                    diesel::sql_query(DELETE_EXPIRED)
                        .bind::<Integer, _>(KEPT_DAYS)
                        .bind::<Integer, _>(SWEEP_ROWS),
                )
                .execute(connection)
                .await
            })
            .await
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
