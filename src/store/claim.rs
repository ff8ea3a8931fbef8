//! Claims: waiting tasks move to `processing`, owned by one live session. What the three kinds of claim have in common.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Bool, Double, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::StoreError;
use super::pause_condition::IS_NOT_PAUSED;
use super::sql::fill;
use crate::domain::circuit_options::CircuitOptions;
use crate::domain::owner::{Lease, Session};
use crate::domain::status::Status;
use crate::domain::task::{Assignment, Work};
use crate::domain::trace_context::TraceContext;
use crate::metrics;

/// The answer to a claim by id.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The session owns the task now.
    Granted(Box<Assignment>),
    /// Another session owns it, it has ended, its retry is not due, or the worker does not serve it.
    NotClaimable(Status),
    /// There is no such task: it was withdrawn, or the message is not from this database.
    Unknown,
    /// The environment of the worker failed an earlier attempt, and another worker shall try first. The task gets a new message.
    LeftToOthers,
    /// The backend of the task is paused. The task gets a new message when the backend is resumed.
    BackendPaused,
    /// The task is not claimed ahead: the claim must be repeated when the worker has a slot for it.
    NeedsSlot,
    /// The session has ended, drains, or is in quarantine.
    SessionOver,
}

/// The most bytes of circuits in one claim before its last one: a claim and its answer stay bounded in memory.
pub(super) const MAX_CLAIMED_BYTES: i64 = 16 << 20;

/// Condition: the session of the row `s` may take tasks. After the backoff of a quarantine it may take a probe.
pub(super) const TAKES_TASKS: &str = "s.ended_at IS NULL AND s.draining_since IS NULL
      AND coalesce(NOT now() BETWEEN s.quarantined_at AND s.quarantine_ends_at, true)";

/// Condition: the worker of the alias accepts the problem of the task `t`.
macro_rules! accepts_problem {
    ($worker:literal) => {
        concat!(
            "coalesce(t.problem_id LIKE ANY (",
            $worker,
            ".problems), true)"
        )
    };
}
pub(super) use accepts_problem;

/// The condition of `claim_left_to_others.sql`.
pub(super) fn left_to_others() -> String {
    let parts = [("accepts_problem", accepts_problem!("o"))];
    fill(include_str!("claim_left_to_others.sql"), &parts)
}

/// The common table expressions of `claim_move.sql`.
pub(super) fn move_to_processing(tasks: &str, condition: &str) -> String {
    let parts = [
        ("tasks", tasks),
        ("takes_tasks", TAKES_TASKS),
        ("accepts_problem", accepts_problem!("s")),
        ("left_to_others", &left_to_others()),
        ("is_not_paused", IS_NOT_PAUSED),
        ("condition", condition),
    ];
    fill(include_str!("claim_move.sql"), &parts)
}

#[derive(QueryableByName)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "one column each, of which the statement decides"
)]
pub(super) struct ClaimRow {
    #[diesel(sql_type = SqlUuid)]
    pub(super) task_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) found: Option<String>,
    #[diesel(embed)]
    pub(super) granted: GrantedRow,
    #[diesel(sql_type = Bool)]
    pub(super) session_alive: bool,
    #[diesel(sql_type = Bool)]
    pub(super) left_to_others: bool,
    #[diesel(sql_type = Bool)]
    pub(super) backend_paused: bool,
    #[diesel(sql_type = Bool)]
    pub(super) needs_slot: bool,
}

#[derive(QueryableByName)]
pub(super) struct GrantedRow {
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
    #[diesel(sql_type = Nullable<Text>)]
    traceparent: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    tracestate: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    submitted_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    started_at: Option<OffsetDateTime>,
    #[diesel(sql_type = Nullable<Double>)]
    waited_seconds: Option<f64>,
}

impl ClaimRow {
    pub(super) fn count(&self) {
        if let Some(backend) = &self.granted.backend {
            metrics::task_moved(backend, Status::Processing);
            metrics::task_waited(backend, self.granted.waited_seconds.unwrap_or_default());
        }
    }

    pub(super) fn into_claim(self, session: &Session) -> Result<Claim, StoreError> {
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
            None if self.backend_paused => Claim::BackendPaused,
            None if self.session_alive && self.needs_slot => Claim::NeedsSlot,
            None if self.session_alive => Claim::NotClaimable(status),
            None => Claim::SessionOver,
        })
    }
}

impl GrantedRow {
    /// `None` if the task was not moved: every column of `moved` is NULL then.
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
            trace: self
                .traceparent
                .and_then(|parent| TraceContext::parse(&parent, self.tracestate.as_deref())),
            submitted_at: self.submitted_at?,
            started_at: self.started_at?,
        })
    }
}

/// The assignments of the rows whose tasks were claimed.
pub(super) fn granted(
    rows: Vec<ClaimRow>,
    session: &Session,
) -> Result<Vec<Assignment>, StoreError> {
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
