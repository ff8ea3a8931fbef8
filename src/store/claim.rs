//! Claims: from waiting to `processing`, owned by one live session.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::Flush;
use super::pool::Pools;
use super::statement::Prepared;
use super::{QueuePolicy, Store, StoreError};
use crate::domain::circuit_options::CircuitOptions;
use crate::domain::owner::{Lease, Session};
use crate::domain::status::Status;
use crate::domain::task::{Assignment, Work};
use crate::metrics;

/// A worker asks for a task that a message named.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The task.
    pub task_id: Uuid,
    /// Who would own it.
    pub session: Session,
}

/// The answer to a claim by id.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The session owns the task now.
    Granted(Box<Assignment>),
    /// Someone else has it, it is over, it waits for its retry, or for a worker that serves its
    /// backend: nothing to do.
    NotClaimable(Status),
    /// There is no such task: it was withdrawn, or the message is not ours.
    Unknown,
    /// The worker's environment failed an earlier attempt, and another worker is to try first. The task gets
    /// a new message.
    LeftToOthers,
    /// The session that asks has ended, or is to take no more; its worker is about to hear of it.
    SessionOver,
}

/// What a claim of the next tasks brought.
#[derive(Debug, Clone, Default)]
pub struct ClaimedNext {
    /// The tasks that the session owns now.
    pub assignments: Vec<Assignment>,
    /// Whether nothing was found that could have been claimed by another session: that the search was empty
    /// says nothing about tasks in general.
    pub only_for_others: bool,
}

// Whether the session of the row `s` may take tasks. After the backoff of a quarantine it may take a probe.
macro_rules! takes_tasks {
    () => {
        "s.ended_at IS NULL AND s.draining_since IS NULL
      AND coalesce(NOT now() BETWEEN s.quarantined_at AND s.quarantine_ends_at, true)"
    };
}

// Whether the task `t` is one of those that the worker `w` of the alias takes.
macro_rules! is_taken_by {
    ($worker:literal) => {
        concat!(
            "coalesce(t.problem_id LIKE ANY (",
            $worker,
            ".problems), true)"
        )
    };
}

// Whether the worker `s` failed the task `t` before and leaves it to another living worker for now. The window begins
// when the task is due: a worker that is busy for longer must not keep it waiting. Bind $3 is its length in
// milliseconds. A clock that was set back ends it. The condition that always holds has an index: the cost of a scan
// without one, which is forbidden, would drown all others in the choice of a plan.
macro_rules! left_to_others {
    () => {
        concat!(
            "(t.blamed_at IS NOT NULL AND coalesce(s.worker_id = ANY (t.blamed_workers)
      AND now() BETWEEN t.blamed_at AND t.available_at + $3 * interval '1 millisecond'
      AND EXISTS (
          SELECT FROM workers o
          WHERE o.worker_id > '' AND t.backend = ANY (o.backends) AND o.worker_id <> ALL (t.blamed_workers)
            AND o.ended_at IS NULL AND o.draining_since IS NULL AND o.quarantined_at IS NULL
            AND o.last_heartbeat_at > now() - o.lease_ms * interval '1 millisecond'
            AND ",
            is_taken_by!("o"),
            "
      ), false))"
        )
    };
}

// The set-list and the history row are the same for a claim by id and a claim of the next ones.
macro_rules! move_to_processing {
    ($source:literal, $condition:literal) => {
        concat!(
            "moved AS (
    UPDATE tasks t
    SET current_status = 'processing', attempt = t.attempt + 1, worker_id = s.worker_id, session_id = s.session_id,
        last_worker_id = s.worker_id, started_at = clock_timestamp(), available_at = NULL, progress = NULL
    FROM ",
            $source,
            " AS c(task_id) JOIN workers s ON s.session_id = $2 AND ",
            takes_tasks!(),
            "
    WHERE t.task_id = c.task_id AND t.current_status IN ('pending', 'retrying') AND t.available_at <= clock_timestamp()
      AND t.backend = ANY (s.backends) AND ",
            is_taken_by!("s"),
            " AND NOT ",
            left_to_others!(),
            $condition,
            "
    RETURNING t.task_id, t.attempt, t.backend, t.circuit, t.shots, t.problem_id, t.parameters, t.timeout_seconds,
              t.max_attempts, t.priority, t.metadata, t.correlation_id, t.submitted_at, t.started_at, t.worker_id
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, session_id, notes)
    SELECT task_id, 'processing', started_at, attempt, worker_id, $2, 'Worker started processing' FROM moved
)"
        )
    };
}

// The outer join to tasks reads the snapshot from before the move: the status that the claim found.
// A message that is left to others is gone with its ack; without `dispatched_at` the next sweep sends another.
const CLAIM_BY_ID: &str = concat!(
    "WITH input AS (SELECT task_id FROM unnest($1) AS i(task_id)), ",
    move_to_processing!("input", ""),
    ", leaving AS (
    SELECT t.task_id FROM input JOIN tasks t USING (task_id) JOIN workers s ON s.session_id = $2
    WHERE t.available_at <= clock_timestamp() AND ",
    left_to_others!(),
    "
    FOR UPDATE OF t SKIP LOCKED
), left_to_others AS (
    UPDATE tasks t SET dispatched_at = NULL FROM leaving WHERE t.task_id = leaving.task_id AND t.available_at IS NOT NULL
    RETURNING t.task_id
)
SELECT input.task_id, before.current_status::text AS found, moved.attempt, moved.backend, moved.circuit, moved.shots,
       moved.problem_id, moved.parameters, moved.timeout_seconds, moved.max_attempts, moved.priority,
       moved.metadata, moved.correlation_id,
       moved.submitted_at, moved.started_at,
       EXISTS (SELECT FROM left_to_others l WHERE l.task_id = input.task_id) AS left_to_others,
       EXISTS (SELECT FROM workers s WHERE s.session_id = $2 AND ",
    takes_tasks!(),
    ") AS session_alive
FROM input LEFT JOIN moved USING (task_id) LEFT JOIN tasks before USING (task_id)"
);

// Bind $5 says whether the service limits what the session has in hand at once, for a worker that does not do so
// itself: to `max_parallel_tasks`, and to one during a quarantine. What is in hand is counted in the snapshot, so that a
// claim between it and this one must be noticed: each claim that is limited counts itself.
const CLAIM_NEXT: &str = concat!(
    "WITH me AS MATERIALIZED (
    SELECT s.*, least($4, slots - owned, CASE WHEN s.quarantined_at IS NOT NULL THEN 1 - owned END)::bigint AS room,
           slots IS NOT NULL OR s.quarantined_at IS NOT NULL AS limited
    FROM (
        SELECT s.*, (SELECT count(*) FROM tasks WHERE $5 AND session_id = $2) AS owned,
               CASE WHEN $5 AND jsonb_typeof(s.capabilities -> 'max_parallel_tasks') = 'number'
                    THEN (s.capabilities ->> 'max_parallel_tasks')::numeric END AS slots
        FROM workers s WHERE s.session_id = $2 AND ",
    takes_tasks!(),
    "
    ) AS s
), next AS MATERIALIZED (
    SELECT candidate.task_id
    FROM me s CROSS JOIN unnest($1) AS wanted(backend) CROSS JOIN LATERAL (
        SELECT t.task_id, t.queue_rank FROM tasks t
        WHERE t.backend = wanted.backend AND t.available_at <= clock_timestamp() AND ",
    is_taken_by!("s"),
    " AND NOT ",
    left_to_others!(),
    "
        ORDER BY t.queue_rank, t.task_id LIMIT greatest((SELECT room FROM me), 0) FOR UPDATE OF t SKIP LOCKED
    ) AS candidate
    ORDER BY candidate.queue_rank, candidate.task_id LIMIT greatest((SELECT room FROM me), 0)
), counted AS (
    UPDATE workers w SET claims = w.claims + 1 FROM me
    WHERE w.session_id = me.session_id AND w.claims = me.claims AND $5 AND me.limited AND EXISTS (SELECT FROM next)
    RETURNING w.session_id
), ",
    // As an array: the planner does not know the limit, and would join the whole table with what it guesses.
    move_to_processing!(
        "unnest(ARRAY(SELECT task_id FROM next))",
        "
      AND (NOT $5 OR NOT (SELECT limited FROM me) OR EXISTS (SELECT FROM counted))"
    ),
    "
SELECT moved.task_id, before.current_status::text AS found, moved.attempt, moved.backend, moved.circuit, moved.shots,
       moved.problem_id, moved.parameters, moved.timeout_seconds, moved.max_attempts, moved.priority,
       moved.metadata, moved.correlation_id,
       moved.submitted_at, moved.started_at, true AS session_alive, false AS left_to_others,
       moved.task_id IS NULL AND EXISTS (SELECT FROM next) AS outrun,
       moved.task_id IS NULL AND (
           NOT EXISTS (SELECT FROM me WHERE room > 0) OR EXISTS (SELECT FROM next) OR EXISTS (
               SELECT FROM me s CROSS JOIN unnest($1) AS wanted(backend) JOIN tasks t ON t.backend = wanted.backend
               WHERE t.available_at <= clock_timestamp() AND (NOT ",
    is_taken_by!("s"),
    " OR ",
    left_to_others!(),
    "))
       ) AS only_for_others
FROM (SELECT) AS once LEFT JOIN (moved JOIN tasks before USING (task_id)) ON true"
);

// A claim from the future was made before the clock was set back.
const OWNED: &str = "
SELECT task_id, current_status::text AS found, attempt, backend, circuit, shots, problem_id, parameters, timeout_seconds,
       max_attempts, priority, metadata, correlation_id, submitted_at, started_at, true AS session_alive, false AS left_to_others
FROM tasks
WHERE session_id = $1 AND NOT task_id = ANY ($2)
  AND started_at NOT BETWEEN clock_timestamp() - $4 * interval '1 millisecond'
                         AND clock_timestamp() + $4 * interval '1 millisecond'
ORDER BY started_at LIMIT $3";

const OWNED_FOR_A_LEASE: &str = "
SELECT t.task_id, t.attempt FROM tasks t JOIN workers w USING (session_id)
WHERE t.session_id = $1 AND NOT t.task_id = ANY ($2)
  AND t.started_at NOT BETWEEN clock_timestamp() - w.lease_ms * interval '1 millisecond'
                           AND clock_timestamp() + w.lease_ms * interval '1 millisecond'
LIMIT 1000";

#[derive(QueryableByName)]
struct OwnedRow {
    #[diesel(sql_type = SqlUuid)]
    task_id: Uuid,
    #[diesel(sql_type = Integer)]
    attempt: i32,
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = SqlUuid)]
    task_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    found: Option<String>,
    #[diesel(embed)]
    granted: GrantedRow,
    #[diesel(sql_type = Bool)]
    session_alive: bool,
    #[diesel(sql_type = Bool)]
    left_to_others: bool,
}

#[derive(QueryableByName)]
struct NextRow {
    /// None in the one row of a claim that found nothing.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    task_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    found: Option<String>,
    #[diesel(embed)]
    granted: GrantedRow,
    #[diesel(sql_type = Bool)]
    outrun: bool,
    #[diesel(sql_type = Bool)]
    only_for_others: bool,
}

#[derive(QueryableByName)]
struct GrantedRow {
    #[diesel(sql_type = Nullable<Integer>)]
    attempt: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    backend: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    circuit: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    shots: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    problem_id: Option<String>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    parameters: Option<Value>,
    #[diesel(sql_type = Nullable<Integer>)]
    timeout_seconds: Option<i32>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    max_attempts: Option<i16>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    priority: Option<i16>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    metadata: Option<Value>,
    #[diesel(sql_type = Nullable<Text>)]
    correlation_id: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    submitted_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    started_at: Option<OffsetDateTime>,
}

impl ClaimRow {
    fn count(&self) {
        if let Some(backend) = &self.granted.backend {
            metrics::task_moved(backend, Status::Processing);
        }
    }

    fn into_claim(self, session: &Session) -> Result<Claim, StoreError> {
        let Some(found) = self.found else {
            return Ok(Claim::Unknown);
        };
        let status: Status = found
            .parse()
            .map_err(|error| StoreError::Refused(format!("{error}")))?;
        let granted = self.granted.into_assignment(self.task_id, status, session);
        Ok(match granted {
            Some(assignment) => Claim::Granted(Box::new(assignment)),
            None if self.left_to_others => Claim::LeftToOthers,
            None if self.session_alive => Claim::NotClaimable(status),
            None => Claim::SessionOver,
        })
    }
}

impl GrantedRow {
    /// None where the row was not moved: every column of `moved` is null then.
    fn into_assignment(
        self,
        task_id: Uuid,
        previous_status: Status,
        session: &Session,
    ) -> Option<Assignment> {
        let parameters = match self.parameters? {
            Value::Object(parameters) => parameters,
            _ => serde_json::Map::new(),
        };
        let work = match (self.circuit, self.problem_id) {
            (Some(source), _) => Work::Circuit {
                source,
                options: CircuitOptions::from_stored(u32::try_from(self.shots?).ok()?, parameters),
            },
            (None, problem_id) => Work::Problem {
                problem_id: problem_id?,
                parameters,
            },
        };
        Some(Assignment {
            lease: Lease {
                task_id,
                attempt: self.attempt?,
                session: session.clone(),
            },
            previous_status,
            backend: self.backend?,
            work,
            priority: self.priority?,
            metadata: self.metadata?,
            timeout_seconds: self.timeout_seconds?,
            max_attempts: self.max_attempts?,
            correlation_id: self.correlation_id?,
            submitted_at: self.submitted_at?,
            started_at: self.started_at?,
        })
    }
}

pub(super) struct ClaimById {
    pub(super) pools: Pools,
    pub(super) rules: QueuePolicy,
}

impl Flush for ClaimById {
    type Item = ClaimRequest;
    // Each session's claims are a statement of their own, and fail by themselves.
    type Outcome = Result<Claim, StoreError>;

    fn task_id(request: &ClaimRequest) -> Uuid {
        request.task_id
    }

    async fn flush(&self, requests: &[ClaimRequest]) -> Result<Vec<Self::Outcome>, StoreError> {
        let mut answers = HashMap::new();
        // One process is one session, but for the moment after it lost one.
        let sessions: HashSet<Uuid> = requests
            .iter()
            .map(|request| request.session.session_id)
            .collect();
        for session_id in sessions {
            let mine = requests
                .iter()
                .filter(|request| request.session.session_id == session_id);
            let task_ids = mine.map(|request| request.task_id).collect();
            answers.insert(session_id, self.claim(session_id, task_ids).await);
        }
        let answer = |request: &ClaimRequest| match answers.get_mut(&request.session.session_id) {
            Some(Ok(rows)) => match rows.remove(&request.task_id) {
                Some(row) => row.into_claim(&request.session),
                // Two messages for one task in one flush: the first claim has taken the row.
                None => Ok(Claim::NotClaimable(Status::Processing)),
            },
            Some(Err(error)) => Err(error.clone()),
            None => Err(StoreError::Refused("no answer to the claim".to_owned())),
        };
        Ok(requests.iter().map(answer).collect())
    }
}

impl ClaimById {
    async fn claim(
        &self,
        session_id: Uuid,
        mut task_ids: Vec<Uuid>,
    ) -> Result<HashMap<Uuid, ClaimRow>, StoreError> {
        // In one order everywhere, so that two statements over the same rows wait for each other
        // instead of deadlocking.
        task_ids.sort_unstable();
        task_ids.dedup();
        let rows: Vec<ClaimRow> = self
            .pools
            .run("claim tasks by id", async |connection| {
                Prepared(
                    diesel::sql_query(CLAIM_BY_ID)
                        .bind::<Array<SqlUuid>, _>(task_ids)
                        .bind::<SqlUuid, _>(session_id)
                        .bind::<Integer, _>(self.rules.blame_window_ms()),
                )
                .load(connection)
                .await
            })
            .await?;
        rows.iter().for_each(ClaimRow::count);
        Ok(rows.into_iter().map(|row| (row.task_id, row)).collect())
    }
}

/// Who sees to it that a session has no more tasks in hand than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitedBy {
    /// The worker itself: it claims for its free slots.
    Worker,
    /// The statement: `max_parallel_tasks`, and one at a time during a quarantine.
    Service,
}

/// How often a claim that lost against another one of the same session is repeated at once.
const OUTRUN_TRIES: usize = 5;

impl Store {
    /// Claims up to `limit` of the next tasks of these backends, the first in line first: higher priority,
    /// then older, unless a low one has waited for long enough.
    pub async fn claim_next(
        &self,
        session: &Session,
        backends: &[String],
        limit: usize,
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
        limit: usize,
        limited_by: LimitedBy,
    ) -> Result<Vec<NextRow>, StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        self.pools
            .run("claim the next tasks", async |connection| {
                Prepared(
                    diesel::sql_query(CLAIM_NEXT)
                        .bind::<Array<Text>, _>(backends)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Integer, _>(self.rules.blame_window_ms())
                        .bind::<Integer, _>(limit)
                        .bind::<Bool, _>(limited_by == LimitedBy::Service),
                )
                .load(connection)
                .await
            })
            .await
    }

    /// Up to `limit` tasks that the session owns, but for those named: the answer to the claim that
    /// took them was lost. Only those claimed longer ago than `settled`: a younger claim may yet be
    /// answered, or be released because nobody is there to hear the answer.
    pub async fn owned_tasks(
        &self,
        session: &Session,
        but: &[Uuid],
        settled: Duration,
        limit: usize,
    ) -> Result<Vec<Assignment>, StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let rows: Vec<ClaimRow> = self
            .pools
            .run("find owned tasks", async |connection| {
                Prepared(
                    diesel::sql_query(OWNED)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Array<SqlUuid>, _>(but)
                        .bind::<Integer, _>(limit)
                        .bind::<Integer, _>(i32::try_from(settled.as_millis()).unwrap_or(i32::MAX)),
                )
                .load(connection)
                .await
            })
            .await?;
        granted(rows, session)
    }
}

impl Store {
    /// The attempts that the session has owned for longer than its lease, but for those named.
    pub async fn owned_for_a_lease(
        &self,
        session: &Session,
        but: &[Uuid],
    ) -> Result<Vec<(Uuid, i32)>, StoreError> {
        let rows: Vec<OwnedRow> = self
            .pools
            .run("find unnamed tasks", async |connection| {
                Prepared(
                    diesel::sql_query(OWNED_FOR_A_LEASE)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Array<SqlUuid>, _>(but),
                )
                .load(connection)
                .await
            })
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.task_id, row.attempt))
            .collect())
    }
}

impl ClaimedNext {
    fn read(rows: Vec<NextRow>, session: &Session) -> Result<Self, StoreError> {
        let only_for_others = rows.iter().any(|row| row.only_for_others);
        let rows = rows.into_iter().filter_map(NextRow::into_claimed);
        let rows: Vec<ClaimRow> = rows.collect();
        rows.iter().for_each(ClaimRow::count);
        Ok(Self {
            assignments: granted(rows, session)?,
            only_for_others,
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
        })
    }
}

fn granted(rows: Vec<ClaimRow>, session: &Session) -> Result<Vec<Assignment>, StoreError> {
    let claims: Vec<Claim> = rows
        .into_iter()
        .map(|row| row.into_claim(session))
        .collect::<Result<_, _>>()?;
    Ok(claims
        .into_iter()
        .filter_map(|claim| {
            if let Claim::Granted(assignment) = claim {
                Some(*assignment)
            } else {
                None
            }
        })
        .collect())
}
