//! Webhooks: the calls that are owed because tasks have ended.
//!
//! The rows come from a trigger, in the commit that ends the task. Here they are taken for one try
//! each, and what came of it is written.

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

use super::statement::Prepared;
use super::sweep::SWEEP_ROWS;
use super::{Store, StoreError};

/// One try at a call, and the end of a task that it is about.
#[derive(Debug, Clone, QueryableByName)]
#[allow(missing_docs, reason = "the columns are explained in the migrations")]
pub struct DueWebhook {
    #[diesel(sql_type = SqlUuid)]
    pub task_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub delivery_id: Uuid,
    #[diesel(sql_type = Text)]
    pub url: String,
    /// The receiver: host and port, as stored; empty where the task is older than its column.
    #[diesel(sql_type = Text)]
    pub host: String,
    /// The number of this try, from 1.
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
}

#[derive(QueryableByName)]
struct ResultRow {
    #[diesel(sql_type = Nullable<Jsonb>)]
    result: Option<Value>,
}

/// Of the calls that are over, those are forgotten that are older.
const KEPT_DAYS: i32 = 7;

// From one host to the next in the index, and of each no more than its share. By now() and not by the clock: what changes
// while the statement runs cannot be looked up in the index, and all that is not due yet would be read. What
// another process has taken since is passed over: its due_at is compared once more under the lock.
const TAKE: &str = "
WITH RECURSIVE hosts AS (
    (SELECT host FROM webhooks WHERE due_at IS NOT NULL ORDER BY host LIMIT 1)
    UNION ALL
    SELECT (SELECT host FROM webhooks WHERE due_at IS NOT NULL AND host > hosts.host ORDER BY host LIMIT 1)
    FROM hosts WHERE hosts.host IS NOT NULL
), chosen AS (
    SELECT first.task_id FROM hosts CROSS JOIN LATERAL (
        SELECT c.task_id, c.due_at FROM webhooks c WHERE c.host = hosts.host AND c.due_at <= now()
        ORDER BY c.due_at LIMIT greatest($4 - cardinality(array_positions($3, hosts.host)), 0)
    ) AS first
    ORDER BY first.due_at LIMIT $1
), due AS (
    SELECT c.task_id FROM chosen JOIN webhooks c USING (task_id) WHERE c.due_at <= now() FOR UPDATE OF c SKIP LOCKED
), taken AS (
    UPDATE webhooks c
    SET attempts = c.attempts + 1, due_at = clock_timestamp() + $2 * interval '1 millisecond',
        put_off_at = clock_timestamp()
    FROM due WHERE c.task_id = due.task_id
    RETURNING c.task_id, c.delivery_id, c.url, c.host, c.attempts
)
SELECT taken.*, t.current_status::text AS status, t.circuit IS NOT NULL AS is_circuit, t.name, t.attempt,
       t.completed_at, t.error_code, t.error_message, t.correlation_id
FROM taken JOIN tasks t ON t.task_id = taken.task_id";

// How long it is as text is known when it has been printed, which takes long for a large one. What is
// stored in more than four times the bytes, compressed or not, is longer.
const RESULT: &str = "
SELECT CASE WHEN pg_column_size(result) <= 4 * $2::bigint THEN
           CASE WHEN octet_length(result::text) <= $2 THEN result END
       END AS result
FROM tasks WHERE task_id = $1";

// Nothing was tried: the number is given back. A try that is under way elsewhere, after the lease, is left alone.
const CORRECT: &str = "
UPDATE webhooks c SET host = i.host, attempts = c.attempts - 1, due_at = clock_timestamp()
FROM unnest($1, $2, $3) AS i(task_id, attempts, host)
WHERE c.task_id = i.task_id AND c.attempts = i.attempts AND c.due_at IS NOT NULL";

// Whatever try it was: it has arrived.
const DELIVERED: &str = "
UPDATE webhooks SET due_at = NULL, delivered_at = clock_timestamp(), last_error = NULL
WHERE task_id = $1 AND due_at IS NOT NULL";

// Only the newest try may say when the next one is.
const FAILED: &str = "
UPDATE webhooks
SET due_at = clock_timestamp() + $4 * interval '1 millisecond', put_off_at = clock_timestamp(),
    given_up_at = CASE WHEN $4 IS NULL THEN clock_timestamp() END, last_error = $3
WHERE task_id = $1 AND attempts = $2 AND due_at IS NOT NULL";

const FORGET: &str = "
DELETE FROM webhooks WHERE task_id IN (
    SELECT task_id FROM webhooks
    WHERE due_at IS NULL AND coalesce(delivered_at, given_up_at) < clock_timestamp() - $1 * interval '1 day'
    ORDER BY coalesce(delivered_at, given_up_at) LIMIT $2 FOR UPDATE SKIP LOCKED
)";

impl Store {
    /// Takes up to `limit` calls that are due, so that no host has more than `per_host`; `busy` names one
    /// for each call that is under way. Each is due again after `lease`, unless what came of it is
    /// written before.
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

    /// Puts calls back that were taken under a host which is not theirs, under the one named here.
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

    /// A task's result; None where there is none, or it has more than `most_bytes` as text.
    pub async fn small_result(
        &self,
        task_id: Uuid,
        most_bytes: i32,
    ) -> Result<Option<Value>, StoreError> {
        let row: Option<ResultRow> = self
            .pools
            .run_read("read a result for a webhook", async |connection| {
                Prepared(
                    diesel::sql_query(RESULT)
                        .bind::<SqlUuid, _>(task_id)
                        .bind::<Integer, _>(most_bytes),
                )
                .get_result(connection)
                .await
                .optional()
            })
            .await?;
        Ok(row.and_then(|row| row.result))
    }

    /// Notes that the call has arrived.
    pub async fn callback_delivered(&self, task_id: Uuid) -> Result<(), StoreError> {
        self.pools
            .run("webhook delivered", async |connection| {
                Prepared(diesel::sql_query(DELIVERED).bind::<SqlUuid, _>(task_id))
                    .execute(connection)
                    .await
            })
            .await
            .map(drop)
    }

    /// Notes that a try has failed, and when the next one is; without `again` the call is given up.
    pub async fn callback_failed(
        &self,
        call: &DueWebhook,
        error: &str,
        again: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.pools
            .run("webhook failed", async |connection| {
                Prepared(
                    diesel::sql_query(FAILED)
                        .bind::<SqlUuid, _>(call.task_id)
                        .bind::<Integer, _>(call.attempts)
                        .bind::<Text, _>(error)
                        .bind::<Nullable<BigInt>, _>(again.map(milliseconds)),
                )
                .execute(connection)
                .await
            })
            .await
            .map(drop)
    }

    /// Deletes some of the calls that were over long ago, and says how many.
    pub async fn delete_expired_webhooks(&self) -> Result<usize, StoreError> {
        self.pools
            .run_control("forget webhooks", async |connection| {
                Prepared(
                    diesel::sql_query(FORGET)
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
