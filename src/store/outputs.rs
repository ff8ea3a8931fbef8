//! Outputs of attempts: written by the owner while the attempt runs, and kept whatever its result.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, Bool, Integer, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;

use super::logs::Appended;
use super::sql::body;
use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::owner::Lease;

/// How many outputs of a task are kept: those of the last attempts that wrote one.
const KEPT_ATTEMPTS: i32 = 5;

const WRITE: &str = body(include_str!("outputs_write.sql"));

/// The last output of an attempt.
#[derive(Debug, Clone)]
pub struct AttemptOutput {
    /// The attempt.
    pub attempt: i32,
    /// The time of the write.
    pub written_at: OffsetDateTime,
    /// The output.
    pub output: Value,
}

/// Subquery with one row: the outputs of the attempts of a task, oldest first, one array for each column. `$condition` turns it
/// off.
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
    reason = "the names of the columns, beside those of the task"
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
    /// Replaces the output of an attempt, if the lease is that of its owner.
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
        Ok(Appended::by_owner(row.owned, "output"))
    }
}
