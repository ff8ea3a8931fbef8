//! Claims of the next tasks of some backends, in the order of the queue.

use std::sync::LazyLock;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::claim::{
    ClaimRow, GrantedRow, MAX_CLAIMED_BYTES, TAKES_TASKS, accepts_problem, granted, left_to_others,
    move_to_processing,
};
use super::sql::fill;
use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::owner::Session;
use crate::domain::task::Assignment;

/// The result of a claim of the next tasks.
#[derive(Debug, Clone, Default)]
pub struct ClaimedNext {
    /// The tasks that the session owns now.
    pub assignments: Vec<Assignment>,
    /// Whether the claim was empty although another session might have claimed a task: the result says nothing about other
    /// sessions.
    pub only_for_others: bool,
    /// Whether claimable tasks were found and left: their texts are too long, or too many were attempted before.
    pub has_left_some: bool,
}

/// How much one claim may take.
#[derive(Debug, Clone, Copy)]
pub struct ClaimLimit {
    /// The number of tasks.
    pub tasks: usize,
    /// How many of them may have counted attempts. If one of these attempts ended the worker's process, the next one may do so
    /// again, and all tasks that the worker holds then lose an attempt.
    pub tried: usize,
    /// The bytes of their circuits before the last one, at most 16 MiB.
    pub bytes: usize,
}

impl ClaimLimit {
    /// Of that many tasks, whatever their attempts.
    pub const fn of_tasks(tasks: usize) -> Self {
        Self {
            tasks,
            tried: tasks,
            bytes: usize::MAX,
        }
    }
}

/// Who limits the number of tasks that a session owns at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitedBy {
    /// The worker: it claims tasks for its free slots only.
    Worker,
    /// The statement: to `max_parallel_tasks`, and to one during a quarantine.
    Service,
}

/// How often a claim is tried that a concurrent claim of the same session has outrun.
const OUTRUN_TRIES: usize = 5;

/// A limited claim moves nothing if another one of the same session was counted meanwhile.
const UNLESS_OUTRUN: &str = "
      AND (NOT $5 OR NOT (SELECT limited FROM claimant) OR EXISTS (SELECT FROM counted))";

static CLAIM_NEXT: LazyLock<String> = LazyLock::new(|| {
    let next = "unnest(ARRAY(SELECT task_id FROM next))";
    let parts: [(&str, &str); 4] = [
        (
            "move_to_processing",
            &move_to_processing(next, UNLESS_OUTRUN),
        ),
        ("left_to_others", &left_to_others()),
        ("accepts_problem", accepts_problem!("s")),
        ("takes_tasks", TAKES_TASKS),
    ];
    fill(include_str!("claim_next.sql"), &parts)
});

#[derive(QueryableByName)]
struct NextRow {
    /// `None` in the only row of a claim that found no task.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    task_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    found: Option<String>,
    #[diesel(embed)]
    granted: GrantedRow,
    #[diesel(sql_type = Bool)]
    outrun: bool,
    #[diesel(sql_type = Bool)]
    has_left_some: bool,
    #[diesel(sql_type = Bool)]
    only_for_others: bool,
}

impl Store {
    /// Claims the next tasks of these backends up to the limit, in the order of their queue: by priority, raised by waiting time,
    /// and then by age.
    pub async fn claim_next(
        &self,
        session: &Session,
        backends: &[String],
        limit: ClaimLimit,
        limited_by: LimitedBy,
    ) -> Result<ClaimedNext, StoreError> {
        let mut tries = 1;
        loop {
            let rows = self
                .claim_next_once(session, backends, limit, limited_by)
                .await?;
            if tries == OUTRUN_TRIES || !rows.iter().any(|row| row.outrun) {
                return ClaimedNext::read(rows, session);
            }
            tries += 1;
        }
    }

    async fn claim_next_once(
        &self,
        session: &Session,
        backends: &[String],
        limit: ClaimLimit,
        limited_by: LimitedBy,
    ) -> Result<Vec<NextRow>, StoreError> {
        let count = |tasks| i32::try_from(tasks).unwrap_or(i32::MAX);
        let bytes = i64::try_from(limit.bytes).unwrap_or(i64::MAX);
        self.pools
            .run("claim the next tasks", async |connection| {
                Prepared(
                    diesel::sql_query(&*CLAIM_NEXT)
                        .bind::<Array<Text>, _>(backends)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Integer, _>(self.policy.blame_window_ms())
                        .bind::<Integer, _>(count(limit.tasks))
                        .bind::<Bool, _>(limited_by == LimitedBy::Service)
                        .bind::<BigInt, _>(bytes.min(MAX_CLAIMED_BYTES))
                        .bind::<Integer, _>(count(limit.tried)),
                )
                .load(connection)
                .await
            })
            .await
    }
}

impl ClaimedNext {
    fn read(rows: Vec<NextRow>, session: &Session) -> Result<Self, StoreError> {
        let only_for_others = rows.iter().any(|row| row.only_for_others);
        let has_left_some = rows.iter().any(|row| row.has_left_some);
        let rows = rows.into_iter().filter_map(NextRow::into_claimed);
        let rows: Vec<ClaimRow> = rows.collect();
        rows.iter().for_each(ClaimRow::count);
        Ok(Self {
            assignments: granted(rows, session)?,
            only_for_others,
            has_left_some,
        })
    }
}

impl NextRow {
    fn into_claimed(self) -> Option<ClaimRow> {
        Some(ClaimRow {
            task_id: self.task_id?,
            found: self.found,
            granted: self.granted,
            session_alive: true,
            left_to_others: false,
            backend_paused: false,
            needs_slot: false,
        })
    }
}
