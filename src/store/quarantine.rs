//! Quarantine: a worker whose environment fails several attempts in a row takes no tasks for a backoff time.
//!
//! The quarantine is stored in the row of the worker, and each claim reads it. After the backoff, the worker gets one task at a
//! time as a probe: an attempt that does not fail because of the environment ends the quarantine, another failure doubles the
//! backoff.

use std::sync::LazyLock;
use std::time::Duration;

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::sql::fill;
use super::statement::Prepared;
use super::sweep_bounds::milliseconds;
use super::{Store, StoreError};
use crate::domain::owner::Session;

/// When a quarantine begins, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineRules {
    /// The number of attempts in a row that fail because of the environment; 0: no quarantine.
    pub after: u16,
    /// The first backoff; it doubles up to an hour.
    pub backoff: Duration,
}

/// The longest backoff, unless the first one is longer.
const MAX_BACKOFF: Duration = Duration::from_hours(1);

/// Condition: this failure begins a backoff. A failure during a backoff belongs to an attempt that began before it, and does
/// not double it.
const BEGINS_BACKOFF: &str =
    "($4 > 0 AND CASE WHEN quarantined_at IS NULL THEN blamed_in_row + 1 >= $4
                          ELSE NOT now() BETWEEN quarantined_at AND quarantine_ends_at END)";

static BLAME: LazyLock<String> = LazyLock::new(|| {
    fill(
        include_str!("quarantine_blame.sql"),
        &[("begins_backoff", BEGINS_BACKOFF)],
    )
});

macro_rules! end_quarantine {
    ($more:literal) => {
        concat!(
            "UPDATE workers SET blamed_in_row = 0, quarantined_at = NULL, quarantine_ends_at = NULL, quarantine_round = 0,
       quarantine_reason = NULL",
            $more
        )
    };
}

const ABSOLVE: &str = end_quarantine!(
    "
WHERE worker_id = $1 AND session_id = $2 AND (blamed_in_row > 0 OR quarantined_at IS NOT NULL)"
);

const RESUME: &str = end_quarantine!(", draining_since = NULL WHERE worker_id = $1");

#[derive(QueryableByName)]
struct QuarantineRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    left_ms: Option<i64>,
}

/// The rest of a backoff; zero after its end.
pub(super) fn left(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

impl Store {
    /// Records that the environment of the worker failed an attempt. Returns the rest of the backoff if the worker is in
    /// quarantine.
    pub async fn blame_worker(
        &self,
        session: &Session,
        reason: &str,
        rules: QuarantineRules,
    ) -> Result<Option<Duration>, StoreError> {
        let row: Option<QuarantineRow> = self
            .pools
            .run_control("blame worker", async |connection| {
                Prepared(
                    diesel::sql_query(&*BLAME)
                        .bind::<Text, _>(&*session.worker_id)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Text, _>(reason)
                        .bind::<Integer, _>(i32::from(rules.after))
                        .bind::<Integer, _>(milliseconds(rules.backoff))
                        .bind::<Integer, _>(milliseconds(MAX_BACKOFF)),
                )
                .get_result(connection)
                .await
                .optional()
            })
            .await?;
        Ok(row.and_then(|row| row.left_ms).map(left))
    }

    /// Records that the environment of the worker is healthy: an attempt or the repair command succeeded. Ends a quarantine.
    pub async fn absolve_worker(&self, session: &Session) -> Result<(), StoreError> {
        self.pools
            .run_control("absolve worker", async |connection| {
                Prepared(
                    diesel::sql_query(ABSOLVE)
                        .bind::<Text, _>(&*session.worker_id)
                        .bind::<SqlUuid, _>(session.session_id),
                )
                .execute(connection)
                .await
            })
            .await
            .map(drop)
    }

    /// Ends the quarantine and the drain of a worker. Returns false if no worker has this name.
    pub async fn resume_worker(&self, worker_id: &str) -> Result<bool, StoreError> {
        let found = self
            .pools
            .run_control("resume worker", async |connection| {
                Prepared(diesel::sql_query(RESUME).bind::<Text, _>(worker_id))
                    .execute(connection)
                    .await
            })
            .await?;
        Ok(found > 0)
    }
}
