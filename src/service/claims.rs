//! Claims over HTTP: answered at once, or as soon as a task is claimable.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{SemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, info, warn};
use uuid::Uuid;

use super::empty_claim_cache::EmptyClaimCache;
use super::settled::log_settled;
use super::watch::{ReadyWatch, Watch};
use crate::domain::access::Caller;
use crate::domain::correlation;
use crate::domain::owner::{Lease, Session};
use crate::domain::settlement::Settlement;
use crate::domain::status::Status;
use crate::domain::task::Assignment;
use crate::store::{ClaimLimit, LimitedBy, SessionState, Settled, Store, StoreError};

/// How long a task may wait when its notification was lost, and how often the state of a waiting
/// session is read.
const POLL: Duration = Duration::from_secs(1);

/// The parameters of a claim.
#[derive(Debug, Clone)]
pub struct ClaimParams {
    /// The session that claims.
    pub session: Session,
    /// The maximum number of tasks to claim.
    pub max_tasks: usize,
    /// How long to wait for the first task.
    pub wait: Duration,
    /// The tasks that the worker already runs, if it reports them.
    pub known_tasks: Option<Vec<Uuid>>,
    /// Who claims.
    pub caller: Caller,
}

/// Why a claim failed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// No worker has this name.
    #[error("there is no worker of this name")]
    UnknownWorker,
    /// The worker's name belongs to another session.
    #[error("another worker has registered under this name")]
    SessionReplaced,
    /// The session has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The session serves a backend that the caller's token may not serve.
    #[error("the token may not serve the backend {0}")]
    ForeignBackend(String),
    /// The query of the database failed or was not answered.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Claimed tasks that were not delivered to the worker yet. Dropping it releases them: no worker would run
/// them.
pub struct ClaimGuard {
    assignments: Vec<Assignment>,
    store: Store,
    runtime: Handle,
}

impl ClaimGuard {
    /// The approximate size of the answer, in bytes.
    pub fn text_bytes(&self) -> usize {
        const BESIDES: usize = 8 << 10;
        let bytes = |task: &Assignment| BESIDES + task.text_bytes();
        self.assignments.iter().map(bytes).sum()
    }

    /// The tasks, for an answer that is about to be written.
    pub fn hand_over(mut self) -> Vec<Assignment> {
        std::mem::take(&mut self.assignments)
    }
}

impl Drop for ClaimGuard {
    fn drop(&mut self) {
        let assignments = std::mem::take(&mut self.assignments);
        if assignments.is_empty() {
            return;
        }
        let leases = assignments.into_iter().map(|task| task.lease).collect();
        let store = self.store.clone();
        self.runtime
            .spawn(async move { release(&store, leases, "the claimer hung up").await });
    }
}

/// Releases attempts that no worker runs. If a release fails, the next heartbeat of the session finds the
/// attempt again, or the end of the session frees it.
pub(super) async fn release(store: &Store, leases: Vec<Lease>, reason: &'static str) {
    for lease in leases {
        let (task_id, attempt) = (lease.task_id, lease.attempt);
        let settlement = Arc::new(Settlement::release(lease, reason));
        match store.settle(settlement.clone()).await {
            Ok(Settled::Transitioned(to)) => log_settled(&settlement, to),
            Ok(Settled::Already(_) | Settled::LeaseLost) => {}
            Err(error) => {
                warn!(event = "task.hand_back_failed", %task_id, attempt, %error, "task could not be handed back");
            }
        }
    }
}

/// Claims tasks for workers that cannot reach the database. Cheap to clone.
#[derive(Clone)]
pub struct Claimer {
    store: Store,
    watch: Watch,
    empty_claims: Arc<EmptyClaimCache>,
    /// The runtime for work that must continue when the thread that serves the client ends.
    runtime: Handle,
}

impl Claimer {
    /// Must be called on the runtime that lasts as long as the process.
    pub fn new(store: Store, watch: Watch) -> Self {
        Self {
            store,
            watch,
            empty_claims: Arc::default(),
            runtime: Handle::current(),
        }
    }

    /// Claims the next tasks of the session's backends. If the caller is dropped, the claimed tasks are
    /// released.
    pub async fn claim(&self, params: ClaimParams) -> Result<ClaimGuard, ClaimError> {
        let (mut answer, answered) = oneshot::channel();
        let claimer = self.clone();
        let work = async move {
            let granted = claimer.answer(&params, &mut answer).await;
            // Without a receiver this drops the granted tasks, which releases them.
            let _ = answer.send(granted);
        };
        self.runtime
            .spawn(correlation::inherit(work.instrument(Span::current())));
        answered.await.unwrap_or_else(|_| {
            let reason = "the claim broke down".to_owned();
            Err(StoreError::OutcomeUnknown(reason).into())
        })
    }

    async fn answer(
        &self,
        params: &ClaimParams,
        answer: &mut oneshot::Sender<Result<ClaimGuard, ClaimError>>,
    ) -> Result<ClaimGuard, ClaimError> {
        let (backends, held) = self.standing(&params.session).await?;
        if let Some(backend) = params.caller.foreign_backend(&backends) {
            return Err(ClaimError::ForeignBackend(backend.to_owned()));
        }
        if let Some(known_tasks) = &params.known_tasks {
            let settled = self.store.longest_statement() * 2;
            let owned =
                self.store
                    .owned_tasks(&params.session, known_tasks, settled, params.max_tasks);
            let owned = owned.await?;
            if !owned.is_empty() {
                return Ok(self.grant(owned));
            }
        }
        let ready = self.watch.ready(backends);
        let found = self.wait(params, ready, held, answer).await?;
        Ok(self.grant(found))
    }

    async fn wait(
        &self,
        params: &ClaimParams,
        mut ready: ReadyWatch,
        mut held: bool,
        answer: &mut oneshot::Sender<Result<ClaimGuard, ClaimError>>,
    ) -> Result<Vec<Assignment>, ClaimError> {
        let deadline = Instant::now() + params.wait;
        let mut first = true;
        loop {
            if !held {
                let Some(turn) = self.turn(first, deadline, answer).await else {
                    return Ok(Vec::new());
                };
                // A claim in progress is completed: dropping it would leave its tasks owned by a worker
                // that does not know of them.
                let found = self.look(params, &mut ready, first, turn).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            if std::mem::take(&mut first) && !params.wait.is_zero() {
                debug!(
                    event = "worker.claim_waiting", worker_id = %params.session.worker_id, held,
                    "claim is waiting for tasks"
                );
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Vec::new());
            }
            tokio::select! {
                biased;
                () = answer.closed() => return Ok(Vec::new()),
                going_on = ready.changed(), if !held => if !going_on {
                    return Ok(Vec::new());
                },
                () = self.watch.stopping().cancelled() => return Ok(Vec::new()),
                () = tokio::time::sleep(left.min(POLL)) => {
                    held = self.standing(&params.session).await?.1;
                }
            }
        }
    }

    /// Waits for a permit to claim; `None` if the client has disconnected or the time is up. The first attempt
    /// waits up to `POLL` in any case: a claim without a wait must find the tasks that are claimable now.
    async fn turn(
        &self,
        first: bool,
        deadline: Instant,
        answer: &mut oneshot::Sender<Result<ClaimGuard, ClaimError>>,
    ) -> Option<SemaphorePermit<'_>> {
        let deadline = if first {
            deadline.max(Instant::now() + POLL)
        } else {
            deadline
        };
        tokio::select! {
            biased;
            () = answer.closed() => None,
            () = tokio::time::sleep_until(deadline) => None,
            turn = self.empty_claims.turn() => turn,
        }
    }

    /// Claims waiting tasks; none if another claim has just found none.
    async fn look(
        &self,
        params: &ClaimParams,
        ready: &mut ReadyWatch,
        first: bool,
        turn: SemaphorePermit<'_>,
    ) -> Result<Vec<Assignment>, ClaimError> {
        let signal = ready.signal();
        if !first
            && self
                .empty_claims
                .is_known_empty(ready.backends(), signal, POLL)
        {
            return Ok(Vec::new());
        }
        let began = Instant::now();
        let limited_by = LimitedBy::Service;
        let claiming = self.store.claim_next(
            &params.session,
            ready.backends(),
            ClaimLimit::of_tasks(params.max_tasks),
            limited_by,
        );
        let claimed = claiming.await?;
        let found = claimed.assignments;
        drop(turn);
        if found.is_empty() && !claimed.only_for_others {
            self.empty_claims
                .record_empty(ready.backends(), signal, began);
        }
        let request = correlation::current();
        for task in &found {
            info!(
                event = "task.claimed", correlation_id = task.correlation_id,
                request_correlation_id = request.as_deref(
            ),
                  task_id = %task.lease.task_id, attempt = task.lease.attempt, worker_id = %params.session.worker_id,
                  backend = task.backend, from = %task.previous_status, to = %Status::Processing, "task claimed");
        }
        Ok(found)
    }

    /// The backends that the session serves, and whether it may claim no tasks at present.
    async fn standing(&self, session: &Session) -> Result<(Vec<String>, bool), ClaimError> {
        match self.store.session_state(session).await? {
            SessionState::Alive { backends, held } => Ok((backends, held)),
            SessionState::Ended => Err(ClaimError::SessionEnded),
            SessionState::Replaced => Err(ClaimError::SessionReplaced),
            SessionState::Unknown => Err(ClaimError::UnknownWorker),
        }
    }

    fn grant(&self, assignments: Vec<Assignment>) -> ClaimGuard {
        ClaimGuard {
            assignments,
            store: self.store.clone(),
            runtime: self.runtime.clone(),
        }
    }
}
