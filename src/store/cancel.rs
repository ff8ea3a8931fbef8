//! Cancellation: at once if the task waits, by its worker if it runs.

use std::sync::LazyLock;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use time::OffsetDateTime;
use uuid::Uuid;

use super::sql::fill;
use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::status::Status;
use crate::metrics;

/// The answer to a cancel request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The task is cancelled.
    Cancelled {
        /// The time of the first cancel request.
        requested_at: OffsetDateTime,
        /// Whether this request cancelled it.
        now: bool,
    },
    /// A worker runs the task and was notified.
    Requested {
        /// The time of the first cancel request.
        requested_at: OffsetDateTime,
    },
    /// The task has ended with another status.
    AlreadyTerminal(Status),
    /// There is no such task.
    Unknown,
}

/// The common table expressions of `cancel_move.sql`.
pub(super) fn cancel_move(from: &str, which: &str) -> String {
    fill(
        include_str!("cancel_move.sql"),
        &[("from", from), ("which", which)],
    )
}

static CANCEL: LazyLock<String> = LazyLock::new(|| {
    let cancel = cancel_move("", "t.task_id = $1");
    fill(include_str!("cancel.sql"), &[("cancel", &cancel)])
});

#[derive(QueryableByName)]
struct CancelRow {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Bool)]
    moved: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    requested_at: Option<OffsetDateTime>,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notification is sent")]
    workers: i64,
    #[diesel(sql_type = Text)]
    backend: String,
    #[diesel(sql_type = Nullable<Double>)]
    age_seconds: Option<f64>,
}

/// How often the statement is tried if its snapshot and its update see different versions of the row.
const MAX_TRIES: usize = 3;

impl Store {
    /// Cancels a waiting task, or requests the cancellation of a running one.
    pub async fn cancel(&self, task_id: Uuid) -> Result<Cancellation, StoreError> {
        for _ in 0..MAX_TRIES {
            let rows: Vec<CancelRow> = self
                .pools
                .run("cancel task", async |connection| {
                    Prepared(diesel::sql_query(&*CANCEL).bind::<SqlUuid, _>(task_id))
                        .load(connection)
                        .await
                })
                .await?;
            let Some(row) = rows.into_iter().next() else {
                return Ok(Cancellation::Unknown);
            };
            let status: Status = row
                .status
                .parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))?;
            match (status, row.requested_at) {
                (Status::Cancelled, Some(requested_at)) => {
                    if row.moved {
                        metrics::task_moved(&row.backend, status);
                        metrics::task_ended(
                            &row.backend,
                            status,
                            row.age_seconds.unwrap_or_default(),
                        );
                    }
                    return Ok(Cancellation::Cancelled {
                        requested_at,
                        now: row.moved,
                    });
                }
                (Status::Processing, Some(requested_at)) if row.moved => {
                    return Ok(Cancellation::Requested { requested_at });
                }
                (Status::Completed | Status::Failed, _) => {
                    return Ok(Cancellation::AlreadyTerminal(status));
                }
                // The task ended between the snapshot of the statement, which this row shows, and its update.
                _ => {}
            }
        }
        Err(StoreError::SerializationConflict(
            "the task changed during each try".to_owned(),
        ))
    }
}
