//! Submission: commit, then publish; every task that was acknowledged to the client is in PostgreSQL.
//!
//! The tasks of one request, one or many, are accepted together or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use time::OffsetDateTime;
use tracing::field::{DisplayValue, display};
use tracing::{Instrument, Span, info, warn};
use uuid::Uuid;

use super::backlog::{BacklogFull, BacklogLimit, BacklogReservation};
use super::dispatcher::{Dispatcher, NotReadyReason};
use crate::domain::correlation;
use crate::domain::status::Status;
use crate::domain::task::NewTask;
use crate::domain::trace_context::TraceContext;
use crate::queue::amqp::{OutgoingMessage, PublishError, QueueError};
use crate::store::{BatchInsertion, Insertion, PriorSubmission, Store, StoreError};
use crate::traces::{Span as TraceSpan, SpanKind};

/// An accepted task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub task_id: Uuid,
    /// Its status.
    pub status: Status,
    /// When it was committed.
    pub submitted_at: OffsetDateTime,
    /// The id that its rows, messages and logs share.
    pub correlation_id: String,
}

/// Why a task was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The broker accepts no messages; nothing remains in the database.
    #[error("the queue is unavailable: {0}")]
    QueueUnavailable(String),
    /// The backend's queue is unusable; nothing remains in the database. The text names the queue and the
    /// remedy.
    #[error("{0}")]
    QueueUnusable(String),
    /// The key was used for another request.
    #[error("this Idempotency-Key was used for another request, which became task {task_id}")]
    KeyReused {
        /// The task of that request.
        task_id: Uuid,
    },
    /// A backend has as many waiting tasks as it may have; nothing was stored.
    #[error("backend `{}` has its limit of {} waiting tasks", .0.backend, .0.limit)]
    BacklogFull(BacklogFull),
    /// The query of the database failed or was not answered.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The tasks of one request, which are in the database.
pub(super) struct CommittedTasks {
    pub(super) task_ids: Vec<Uuid>,
    /// Whether a repetition of the request finds them.
    pub(super) has_key: bool,
}

/// Stores tasks and dispatches them.
#[derive(Clone)]
pub struct Submitter {
    /// The store of the tasks.
    pub store: Store,
    /// The dispatcher of the tasks.
    pub dispatcher: Dispatcher,
    /// The limit of waiting tasks.
    pub backlog: BacklogLimit,
}

impl Submitter {
    /// Submits one task.
    pub async fn submit(
        &self,
        task: NewTask,
        trace: Option<&TraceContext>,
    ) -> Result<Accepted, SubmitError> {
        let mut accepted = self.submit_all(vec![task], trace).await?;
        accepted.pop().ok_or_else(broke_down)
    }

    /// Stores the tasks of one request and dispatches them; those with a key share it. `trace` is the span of the request.
    ///
    /// Runs to its end even if the caller is dropped: a client that disconnects must not leave a
    /// request half submitted.
    pub async fn submit_all(
        &self,
        mut tasks: Vec<NewTask>,
        trace: Option<&TraceContext>,
    ) -> Result<Vec<Accepted>, SubmitError> {
        let mut span = TraceSpan::begin(SpanKind::Internal, "submit", trace);
        span.number(
            "qtask.task.count",
            i64::try_from(tasks.len()).unwrap_or(i64::MAX),
        );
        if let [task] = &*tasks {
            span.text("qtask.task.id", task.task_id);
            span.text("qtask.backend", &task.backend);
        }
        for task in &mut tasks {
            task.trace = span.context().cloned();
        }
        let backends: BTreeSet<&str> = tasks.iter().map(|task| &*task.backend).collect();
        let backends: Vec<&str> = backends.into_iter().collect();
        if let Some(not_ready_reason) = self.dispatcher.not_ready_reason_now(&backends).await {
            return self.refuse(&tasks, not_ready_reason.into()).await;
        }
        let wanted = tasks.iter().map(|task| &*task.backend);
        let reservation = match self.backlog.reserve(wanted).await {
            Ok(reservation) => reservation,
            Err(full) => return self.refuse(&tasks, SubmitError::BacklogFull(full)).await,
        };
        let submitter = self.clone();
        let work = async move {
            let accepted = submitter.store_and_send(tasks, reservation).await;
            end_submission(span, &accepted);
            accepted
        };
        tokio::spawn(correlation::inherit(work.instrument(Span::current())))
            .await
            .unwrap_or_else(|_| Err(broke_down()))
    }

    /// Refuses the tasks, unless they repeat an accepted request, which is answered as before.
    async fn refuse(
        &self,
        tasks: &[NewTask],
        error: SubmitError,
    ) -> Result<Vec<Accepted>, SubmitError> {
        let key = tasks.first().and_then(|task| task.idempotency.as_ref());
        let earlier = self.store.prior_submission(key).await?;
        if earlier.is_empty() {
            Err(error)
        } else {
            repeated(earlier)
        }
    }

    async fn store_and_send(
        &self,
        tasks: Vec<NewTask>,
        reservation: BacklogReservation,
    ) -> Result<Vec<Accepted>, SubmitError> {
        let tasks: Vec<Arc<NewTask>> = tasks.into_iter().map(Arc::new).collect();
        let submitted_at = match self.insert(&tasks).await? {
            BatchInsertion::Created { submitted_at } => submitted_at,
            BatchInsertion::Existing(earlier) => return repeated(earlier),
        };
        reservation.keep();
        if let [task] = &*tasks {
            info!(event = "task.submitted", task_id = %task.task_id, to = %Status::Pending, "task submitted");
        } else {
            info!(event = "task.batch_submitted", tasks = tasks.len(), to = %Status::Pending, "batch submitted");
        }
        let messages = tasks.iter().map(|task| message(task)).collect();
        let trace = tasks.first().and_then(|task| task.trace.as_ref());
        let outcomes = self.dispatcher.send(messages, trace).await;
        let committed = CommittedTasks {
            task_ids: tasks.iter().map(|task| task.task_id).collect(),
            has_key: tasks.iter().any(|task| task.idempotency.is_some()),
        };
        self.settle_unsent(&committed, &outcomes).await?;
        let accepted = |task: &Arc<NewTask>| Accepted {
            task_id: task.task_id,
            status: Status::Pending,
            submitted_at,
            correlation_id: task.correlation_id.clone(),
        };
        Ok(tasks.iter().map(accepted).collect())
    }

    /// Stores the tasks of one request. A single task shares its commit with those of other requests.
    async fn insert(&self, tasks: &[Arc<NewTask>]) -> Result<BatchInsertion, StoreError> {
        let [task] = tasks else {
            return self.store.insert_all(tasks).await;
        };
        Ok(match self.store.insert(task.clone()).await? {
            Insertion::Created { submitted_at } => BatchInsertion::Created { submitted_at },
            Insertion::Existing(earlier) => BatchInsertion::Existing(vec![earlier]),
        })
    }

    /// Decides about committed tasks of which some messages are not confirmed: all are withdrawn, or all are
    /// accepted.
    pub(super) async fn settle_unsent(
        &self,
        tasks: &CommittedTasks,
        outcomes: &[Result<(), PublishError>],
    ) -> Result<(), SubmitError> {
        let Some(Err(reason)) = outcomes.iter().find(|outcome| outcome.is_err()) else {
            return Ok(());
        };
        let task_ids = tasks.task_ids.iter().zip(outcomes);
        let unsent: Vec<Uuid> = task_ids
            .filter_map(|(task_id, outcome)| outcome.is_err().then_some(*task_id))
            .collect();
        // A repetition of the request may have been answered with these tasks already, and a task that a worker owns
        // is not withdrawn.
        if tasks.has_key || !self.withdraw(tasks, reason).await? {
            warn!(
                event = "task.publish_delayed", task_id = alone(tasks), unsent = unsent.len(), %reason,
                "submission accepted without confirmed messages: the sweep publishes them"
            );
            self.leave_to_the_sweep(&unsent).await;
            return Ok(());
        }
        warn!(
            event = "task.withdrawn", task_id = alone(tasks), tasks = tasks.task_ids.len(), unsent = unsent.len(), %reason,
            "submission withdrawn: its messages were not confirmed"
        );
        Err(not_sent(reason))
    }

    /// False if a worker owns one of the tasks already.
    async fn withdraw(
        &self,
        tasks: &CommittedTasks,
        reason: &PublishError,
    ) -> Result<bool, SubmitError> {
        self.store.withdraw(&tasks.task_ids).await.map_err(|error| {
            warn!(
                event = "task.withdraw_failed", task_id = alone(tasks), tasks = tasks.task_ids.len(), %reason, %error,
                "submission neither published nor withdrawn: the sweep publishes it"
            );
            StoreError::OutcomeUnknown(error.to_string()).into()
        })
    }

    /// Marks them as unpublished. If this fails, the sweep finds them later: more tasks wait than there are messages.
    async fn leave_to_the_sweep(&self, unsent: &[Uuid]) {
        if let Err(error) = self.store.undo_dispatch(unsent).await {
            warn!(event = "task.mark_failed", %error, "unpublished tasks could not be marked: the sweep finds them later");
        }
    }
}

/// The id of a task that was submitted alone, for the log.
fn alone(tasks: &CommittedTasks) -> Option<DisplayValue<Uuid>> {
    match *tasks.task_ids {
        [task_id] => Some(display(task_id)),
        _ => None,
    }
}

fn message(task: &NewTask) -> OutgoingMessage {
    OutgoingMessage {
        task_id: task.task_id,
        backend: task.backend.clone(),
        priority: u8::try_from(task.priority).unwrap_or_default(),
        correlation_id: task.correlation_id.clone(),
        trace: None,
    }
}

/// Ends the span in which tasks were stored and sent.
pub(super) fn end_submission<T>(mut span: TraceSpan, outcome: &Result<T, SubmitError>) {
    if let Err(error) = outcome {
        span.fail("not_accepted", error);
    }
}

fn broke_down() -> SubmitError {
    StoreError::OutcomeUnknown("the submission broke down".to_owned()).into()
}

impl From<NotReadyReason> for SubmitError {
    fn from(not_ready_reason: NotReadyReason) -> Self {
        match not_ready_reason {
            NotReadyReason::Away(reason) => Self::QueueUnavailable(reason),
            NotReadyReason::UnusableQueue(reason) => Self::QueueUnusable(reason),
        }
    }
}

/// The reason in the answer to a submission that was withdrawn.
fn not_sent(reason: &PublishError) -> SubmitError {
    match reason {
        PublishError::Queue(QueueError::Unusable { .. } | QueueError::Denied { .. }) => {
            SubmitError::QueueUnusable(reason.to_string())
        }
        _ => SubmitError::QueueUnavailable(reason.to_string()),
    }
}

/// A repetition is answered with the tasks of the first request.
fn repeated(earlier: Vec<PriorSubmission>) -> Result<Vec<Accepted>, SubmitError> {
    earlier.into_iter().map(as_accepted).collect()
}

fn as_accepted(earlier: PriorSubmission) -> Result<Accepted, SubmitError> {
    if !earlier.same_request {
        return Err(SubmitError::KeyReused {
            task_id: earlier.task_id,
        });
    }
    Ok(Accepted {
        task_id: earlier.task_id,
        status: earlier.status,
        submitted_at: earlier.submitted_at,
        correlation_id: earlier.correlation_id,
    })
}
