//! What attempts have produced so far: written by their owner, kept however they end.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, Bool, Integer, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;

use super::logs::Appended;
use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::owner::Lease;

/// The attempts of a task whose outputs are kept: the last ones that wrote any.
const KEPT_ATTEMPTS: i32 = 5;

// Under the lock of the task's row, so that none is written after the task was lost.
const WRITE: &str = "
WITH owner AS MATERIALIZED (
    SELECT task_id, attempt FROM tasks
    WHERE task_id = $1 AND worker_id = $2 AND session_id = $3 AND attempt = $4 AND current_status = 'processing'
    FOR UPDATE
), written AS (
    INSERT INTO attempt_outputs (task_id, attempt, output) SELECT task_id, attempt, $5 FROM owner
    ON CONFLICT (task_id, attempt) DO UPDATE SET output = excluded.output, written_at = excluded.written_at
), surplus AS (
    DELETE FROM attempt_outputs WHERE (task_id, attempt) IN (
        SELECT o.task_id, o.attempt FROM attempt_outputs o JOIN owner USING (task_id)
        WHERE o.attempt < owner.attempt ORDER BY o.attempt DESC OFFSET $6 - 1
    )
)
SELECT EXISTS (SELECT FROM owner) AS owned";

/// What an attempt had produced when it said so last.
#[derive(Debug, Clone)]
pub struct AttemptOutput {
    /// The attempt.
    pub attempt: i32,
    /// When it said so.
    pub written_at: OffsetDateTime,
    /// The output.
    pub output: Value,
}

/// A subquery with one row: the outputs of the task's attempts, oldest first, an array for each column.
/// `$condition` turns it off.
macro_rules! outputs {
    ($task:literal, $condition:literal) => {
        concat!(
            "(SELECT coalesce(array_agg(attempt), '{}') AS output_attempts,
        coalesce(array_agg(written_at), '{}') AS output_times, coalesce(array_agg(output), '{}') AS output_values
 FROM (SELECT * FROM attempt_outputs WHERE task_id = ",
            $task,
            " AND ",
            $condition,
            " ORDER BY attempt) AS entry)"
        )
    };
}
pub(super) use outputs;

#[derive(QueryableByName)]
#[allow(
    clippy::struct_field_names,
    reason = "they stand beside those of others in one row"
)]
pub(super) struct OutputColumns {
    #[diesel(sql_type = Array<Integer>)]
    output_attempts: Vec<i32>,
    #[diesel(sql_type = Array<Timestamptz>)]
    output_times: Vec<OffsetDateTime>,
    #[diesel(sql_type = Array<Jsonb>)]
    output_values: Vec<Value>,
}

impl OutputColumns {
    pub(super) fn into_entries(self) -> Vec<AttemptOutput> {
        let places = self.output_attempts.into_iter().zip(self.output_times);
        let entries = places.zip(self.output_values);
        let entry = |((attempt, written_at), output)| AttemptOutput {
            attempt,
            written_at,
            output,
        };
        entries.map(entry).collect()
    }
}

#[derive(QueryableByName)]
struct WrittenRow {
    #[diesel(sql_type = Bool)]
    owned: bool,
}

impl Store {
    /// Replaces what the attempt has produced so far. On its owner's word only.
    pub async fn write_output(
        &self,
        lease: &Lease,
        output: &Value,
    ) -> Result<Appended, StoreError> {
        let row: WrittenRow = self
            .pools
            .run("write output", async |connection| {
                Prepared(
                    diesel::sql_query(WRITE)
                        .bind::<SqlUuid, _>(lease.task_id)
                        .bind::<Text, _>(&*lease.session.worker_id)
                        .bind::<SqlUuid, _>(lease.session.session_id)
                        .bind::<Integer, _>(lease.attempt)
                        .bind::<Jsonb, _>(output)
                        .bind::<Integer, _>(KEPT_ATTEMPTS),
                )
                .get_result(connection)
                .await
            })
            .await?;
        Ok(Appended::by_owner(row.owned))
    }
}
