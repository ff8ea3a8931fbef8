//! Claims by id: of the tasks that messages named.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use diesel::sql_types::{Array, Bool, Integer, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::StoreError;
use super::batch::Flush;
use super::claim::{Claim, ClaimRow, TAKES_TASKS, left_to_others, move_to_processing};
use super::pause_condition::IS_NOT_PAUSED;
use super::pool::Pools;
use super::queue_policy::QueuePolicy;
use super::sql::fill;
use super::statement::Prepared;
use crate::domain::owner::Session;
use crate::domain::status::Status;

/// A claim of the task that a message names.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The task.
    pub task_id: Uuid,
    /// The session that claims it.
    pub session: Session,
    /// Whether the task would wait for a slot of the worker. A long circuit, and a task with counted attempts, is left then:
    /// [`Claim::NeedsSlot`].
    pub is_ahead: bool,
}

/// The longest circuit that is claimed ahead, in bytes: the circuits of the tasks that wait for a slot stay bounded in memory.
const MAX_AHEAD_BYTES: i32 = 64 << 10;

/// A task that is not claimed ahead. If one of its attempts ended the worker's process, the next one may do so again, and all tasks
/// that the worker holds then lose an attempt.
const NEEDS_SLOT: &str =
    "(t.attempt > t.uncounted_attempts OR coalesce(octet_length(t.circuit), 0) > $5)";

static CLAIM_BY_ID: LazyLock<String> = LazyLock::new(|| {
    let unless_ahead = format!("\n      AND NOT (c.is_ahead AND {NEEDS_SLOT})");
    let parts: [(&str, &str); 5] = [
        (
            "move_to_processing",
            &move_to_processing("input", &unless_ahead),
        ),
        ("needs_slot", NEEDS_SLOT),
        ("left_to_others", &left_to_others()),
        ("is_not_paused", IS_NOT_PAUSED),
        ("takes_tasks", TAKES_TASKS),
    ];
    fill(include_str!("claim_by_id.sql"), &parts)
});

pub(super) struct ClaimById {
    pub(super) pools: Pools,
    pub(super) policy: QueuePolicy,
}

impl Flush for ClaimById {
    type Item = ClaimRequest;
    // The claims of each session are a statement of their own, which may fail alone.
    type Outcome = Result<Claim, StoreError>;

    fn task_id(request: &ClaimRequest) -> Uuid {
        request.task_id
    }

    async fn flush(&self, requests: &[ClaimRequest]) -> Result<Vec<Self::Outcome>, StoreError> {
        let mut answers = HashMap::new();
        // Usually one: a process has two sessions only just after it has lost one.
        let sessions: HashSet<Uuid> = requests
            .iter()
            .map(|request| request.session.session_id)
            .collect();
        for session_id in sessions {
            let mine = requests
                .iter()
                .filter(|request| request.session.session_id == session_id);
            let tasks = mine
                .map(|request| (request.task_id, request.is_ahead))
                .collect();
            answers.insert(session_id, self.claim(session_id, tasks).await);
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
        mut tasks: Vec<(Uuid, bool)>,
    ) -> Result<HashMap<Uuid, ClaimRow>, StoreError> {
        // In the order of the tasks: two statements over the same rows then wait for each other and do not deadlock.
        tasks.sort_unstable();
        tasks.dedup_by_key(|(task_id, _)| *task_id);
        let (task_ids, are_ahead): (Vec<Uuid>, Vec<bool>) = tasks.into_iter().unzip();
        let rows: Vec<ClaimRow> = self
            .pools
            .run("claim tasks by id", async |connection| {
                Prepared(
                    diesel::sql_query(&*CLAIM_BY_ID)
                        .bind::<Array<SqlUuid>, _>(task_ids)
                        .bind::<SqlUuid, _>(session_id)
                        .bind::<Integer, _>(self.policy.blame_window_ms())
                        .bind::<Array<Bool>, _>(are_ahead)
                        .bind::<Integer, _>(MAX_AHEAD_BYTES),
                )
                .load(connection)
                .await
            })
            .await?;
        rows.iter().for_each(ClaimRow::count);
        Ok(rows.into_iter().map(|row| (row.task_id, row)).collect())
    }
}
