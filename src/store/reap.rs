//! Reaping: sessions that were silent for their lease end, and running tasks whose worker cannot or does not finish them are
//! taken from it.
//!
//! Each statement finds its rows and moves them at once: any number of processes may run it concurrently, and a process that
//! crashes between two statements leaves no row half moved.

use std::sync::LazyLock;
use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::sql::{body, fill};
use super::statement::Prepared;
use super::sweep_bounds::{SWEEP_ROWS, milliseconds};
use super::turn::{is_silent, turn_is_recent};
use super::{Store, StoreError};
use crate::domain::owner::Session;
use crate::domain::trace_context::TraceContext;
use crate::metrics;

/// A running task that the sweep took from its worker.
#[derive(Debug, Clone, QueryableByName)]
pub struct Transition {
    /// The id of the task.
    #[diesel(sql_type = SqlUuid)]
    pub task_id: Uuid,
    /// The backend of the task.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// The attempt that has ended.
    #[diesel(sql_type = Integer)]
    pub attempt: i32,
    /// The worker that ran the attempt.
    #[diesel(sql_type = Text)]
    pub worker_id: String,
    /// The new status.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// The correlation id of the submission.
    #[diesel(sql_type = Text)]
    pub correlation_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    traceparent: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    tracestate: Option<String>,
    /// How long the attempt ran, in seconds.
    #[diesel(sql_type = Double)]
    pub ran_seconds: f64,
    /// The time since the submission, in seconds.
    #[diesel(sql_type = Double)]
    pub age_seconds: f64,
}

impl Transition {
    /// The trace that the attempt continued.
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::parse(self.traceparent.as_deref()?, self.tracestate.as_deref())
    }

    fn count_all(moved: &[Self], reason: &'static str) {
        metrics::attempts_revoked(reason, moved.len());
        moved.iter().for_each(Self::count);
    }

    fn count(&self) {
        if let Ok(to) = self.status.parse() {
            metrics::task_moved(&self.backend, to);
            metrics::attempt_ended(&self.backend, to, self.ran_seconds);
            metrics::task_ended(&self.backend, to, self.age_seconds);
        }
    }
}

#[derive(QueryableByName)]
pub(super) struct EndedRow {
    #[diesel(sql_type = Text)]
    worker_id: String,
    #[diesel(sql_type = SqlUuid)]
    session_id: Uuid,
}

impl EndedRow {
    pub(super) fn into_session(self) -> Session {
        Session {
            worker_id: self.worker_id.into(),
            session_id: self.session_id,
        }
    }
}

/// The grace time between the timeout of an attempt and its failure by the sweep: its worker stops it by its own clock.
const TIMEOUT_GRACE: Duration = Duration::from_secs(30);

const END_SILENT: &str = concat!(
    "UPDATE workers w SET ended_at = clock_timestamp()
FROM sweeps
WHERE sweeps.duty = 'reap' AND w.ended_at IS NULL AND ",
    is_silent!(),
    "
RETURNING w.worker_id, w.session_id"
);

const RELEASE_ORPHANS: &str = body(include_str!("release_orphans.sql"));

/// The time that a worker has to stop an attempt in order: $2, or the time that the worker needs by its own account, and 10 s to
/// write the result.
const STOP_TIME: &str = "greatest($2, CASE WHEN w.stop_grace_ms > 0 THEN w.stop_grace_ms + 10000 END) * interval '1 millisecond'";

const STOP_PARTS: [(&str, &str); 2] = [
    ("turn_is_recent", turn_is_recent!("interval '10 seconds'")),
    ("stop_time", STOP_TIME),
];

static FAIL_OVERDUE: LazyLock<String> =
    LazyLock::new(|| fill(include_str!("fail_overdue.sql"), &STOP_PARTS));

static FENCE_CANCELLED: LazyLock<String> =
    LazyLock::new(|| fill(include_str!("fence_cancelled.sql"), &STOP_PARTS));

impl Store {
    /// Ends the sessions that were silent for longer than their leases, and returns them.
    pub async fn end_silent_sessions(&self) -> Result<Vec<Session>, StoreError> {
        let rows: Vec<EndedRow> = self
            .pools
            .run_control("end silent sessions", async |connection| {
                Prepared(diesel::sql_query(END_SILENT))
                    .load(connection)
                    .await
            })
            .await?;
        metrics::sessions_expired(rows.len());
        Ok(rows.into_iter().map(EndedRow::into_session).collect())
    }

    /// Releases up to [`SWEEP_ROWS`] running tasks whose session has ended or was replaced, and returns them.
    pub async fn release_orphans(&self) -> Result<Vec<Transition>, StoreError> {
        self.pools
            .run_control("release orphans", async |connection| {
                Prepared(diesel::sql_query(RELEASE_ORPHANS).bind::<Integer, _>(SWEEP_ROWS))
                    .load(connection)
                    .await
            })
            .await
            .inspect(|moved: &Vec<Transition>| Transition::count_all(moved, "worker_lost"))
    }

    /// Fails up to [`SWEEP_ROWS`] attempts that ran past their timeout and the grace time, and returns them.
    pub async fn fail_overdue(&self) -> Result<Vec<Transition>, StoreError> {
        self.pools
            .run_control("fail overdue attempts", async |connection| {
                Prepared(
                    diesel::sql_query(&*FAIL_OVERDUE)
                        .bind::<Integer, _>(SWEEP_ROWS)
                        .bind::<Integer, _>(milliseconds(TIMEOUT_GRACE)),
                )
                .load(connection)
                .await
            })
            .await
            .inspect(|moved: &Vec<Transition>| Transition::count_all(moved, "overdue"))
    }

    /// Cancels up to [`SWEEP_ROWS`] running tasks whose worker was asked to stop them more than `grace` ago, and returns them.
    pub async fn fence_cancelled(&self, grace: Duration) -> Result<Vec<Transition>, StoreError> {
        self.pools
            .run_control("fence cancelled tasks", async |connection| {
                Prepared(
                    diesel::sql_query(&*FENCE_CANCELLED)
                        .bind::<Integer, _>(SWEEP_ROWS)
                        .bind::<Integer, _>(milliseconds(grace)),
                )
                .load(connection)
                .await
            })
            .await
            .inspect(|moved: &Vec<Transition>| Transition::count_all(moved, "cancel"))
    }
}
