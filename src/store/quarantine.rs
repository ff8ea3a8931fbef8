//! Quarantine: a worker whose environment fails attempts one after the other takes no more for a while.
//!
//! The row of the worker says so, and each claim looks at it. A backoff later one task at a time is a probe: an attempt
//! that the worker is not to blame for ends the quarantine, another failure doubles the backoff.

use std::time::Duration;

use diesel::OptionalExtension;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::owner::Session;

/// When a worker is to take no more tasks, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineRules {
    /// How many attempts in a row must fail for the worker's environment; 0 for never.
    pub after: u16,
    /// The first backoff; it doubles up to an hour, unless it is longer itself.
    pub backoff: Duration,
}

/// The longest backoff, unless the first one is longer.
const MAX_BACKOFF: Duration = Duration::from_hours(1);

// Whether this failure begins a backoff. A failure within one belongs to an attempt that was begun before it, and does
// not double it.
macro_rules! begins_backoff {
    () => {
        "($4 > 0 AND CASE WHEN quarantined_at IS NULL THEN blamed_in_row + 1 >= $4
                          ELSE NOT now() BETWEEN quarantined_at AND quarantine_ends_at END)"
    };
}

const BLAME: &str = concat!(
    "UPDATE workers
SET blamed_in_row = blamed_in_row + 1,
    quarantine_round = quarantine_round + ",
    begins_backoff!(),
    "::integer,
    quarantined_at = CASE WHEN ",
    begins_backoff!(),
    " THEN now() ELSE quarantined_at END,
    quarantine_ends_at = CASE WHEN ",
    begins_backoff!(),
    " THEN now() + least($5 * 2 ^ least(quarantine_round, 20), greatest($5, $6)) * interval '1 millisecond'
                              ELSE quarantine_ends_at END,
    quarantine_reason = CASE WHEN quarantined_at IS NOT NULL OR ",
    begins_backoff!(),
    " THEN (blamed_in_row + 1) || ' attempts in a row failed for its environment; the last: ' || $3 END
WHERE worker_id = $1 AND session_id = $2 AND ended_at IS NULL
RETURNING (extract(epoch FROM quarantine_ends_at - now()) * 1000)::bigint AS left_ms"
);

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

/// What is left of a backoff; zero once it is over.
pub(super) fn left(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

impl Store {
    /// Notes that the worker's environment failed an attempt. Returns what is left of the backoff where the
    /// worker is in quarantine.
    pub async fn blame_worker(
        &self,
        session: &Session,
        reason: &str,
        rules: QuarantineRules,
    ) -> Result<Option<Duration>, StoreError> {
        let milliseconds = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        let row: Option<QuarantineRow> = self
            .pools
            .run_control("blame worker", async |connection| {
                Prepared(
                    diesel::sql_query(BLAME)
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

    /// Notes that the worker's environment is fit: an attempt or the command that heals it succeeded. Ends a
    /// quarantine.
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

    /// Lets a worker take tasks again: ends its quarantine and its drain. Returns false where no worker has
    /// this name.
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
