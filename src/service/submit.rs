//! Submission: commit, then publish; what was answered with success is in PostgreSQL.

use time::OffsetDateTime;
use tracing::{Instrument, Span, error, info, warn};
use uuid::Uuid;

use super::dispatcher::{Dispatcher, NotReadyReason};
use crate::domain::correlation;
use crate::domain::status::Status;
use crate::domain::task::NewTask;
use crate::queue::amqp::{OutgoingMessage, PublishError, QueueError};
use crate::store::{Insertion, PriorSubmission, Store, StoreError};

/// A task that is safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub task_id: Uuid,
    /// Where it stands.
    pub status: Status,
    /// When it was committed.
    pub submitted_at: OffsetDateTime,
    /// Follows it through rows, messages and logs.
    pub correlation_id: String,
}

/// Why a task was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The broker takes no messages; nothing is left in the database.
    #[error("the queue is unavailable: {0}")]
    QueueUnavailable(String),
    /// The backend's queue cannot be used; nothing is left in the database. The text names it and says what
    /// to do.
    #[error("{0}")]
    QueueUnusable(String),
    /// The key was used for another request.
    #[error("this Idempotency-Key was used for another request, which became task {task_id}")]
    KeyReused {
        /// The task of that request.
        task_id: Uuid,
    },
    /// The database could not be asked, or did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores tasks and sends them on their way.
#[derive(Clone)]
pub struct Submitter {
    /// Where tasks are kept.
    pub store: Store,
    /// How workers hear of them.
    pub dispatcher: Dispatcher,
}

impl Submitter {
    /// Stores the task and sends it on its way.
    ///
    /// Goes on to its end even if the caller is dropped: a client that hangs up must not leave a
    /// task half submitted.
    pub async fn submit(&self, task: NewTask) -> Result<Accepted, SubmitError> {
        if let Some(not_ready_reason) = self.dispatcher.not_ready_reason_now(&[&task.backend]).await
        {
            // A repetition of a request that was accepted must not be told that it was not.
            let earlier = self.store.earlier_submission(task.idempotency.as_ref());
            return match earlier.await?.into_iter().next() {
                Some(earlier) => repeated(earlier),
                None => Err(not_ready_reason.into()),
            };
        }
        let submitter = self.clone();
        let work = async move { submitter.store_and_send(task).await };
        tokio::spawn(correlation::inherit(work.instrument(Span::current())))
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::OutcomeUnknown("the submission broke down".to_owned()).into())
            })
    }

    async fn store_and_send(&self, task: NewTask) -> Result<Accepted, SubmitError> {
        let message = OutgoingMessage {
            task_id: task.task_id,
            backend: task.backend.clone(),
            priority: u8::try_from(task.priority).unwrap_or_default(),
            correlation_id: task.correlation_id.clone(),
        };
        let (task_id, has_key, correlation_id) = (
            task.task_id,
            task.idempotency.is_some(),
            task.correlation_id.clone(),
        );
        match self.store.insert(task).await? {
            Insertion::Created { submitted_at } => {
                info!(%task_id, to = %Status::Pending, "task submitted");
                if let Err(error) = self.dispatcher.send(message).await {
                    self.settle_unsent(task_id, has_key, &error).await?;
                }
                Ok(Accepted {
                    task_id,
                    status: Status::Pending,
                    submitted_at,
                    correlation_id,
                })
            }
            Insertion::Existing(earlier) => repeated(earlier),
        }
    }

    /// Decides about a task that is committed and whose message is not known to be safe: withdrawn,
    /// or accepted after all.
    async fn settle_unsent(
        &self,
        task_id: Uuid,
        has_key: bool,
        reason: &PublishError,
    ) -> Result<(), SubmitError> {
        if has_key {
            // A repetition of the request may have been answered with this task already, so that it
            // cannot be taken back. The sweep sends it.
            warn!(%task_id, %reason, "task accepted although its message is not safe; the sweep will send it");
            return Ok(());
        }
        match self.store.withdraw(task_id).await {
            Ok(true) => {
                warn!(%task_id, %reason, "task withdrawn: its message is not safe");
                Err(not_sent(reason))
            }
            Ok(false) => {
                info!(%task_id, %reason, "task accepted: a worker has it already");
                Ok(())
            }
            Err(store_error) => {
                error!(%task_id, %reason, %store_error, "task could be neither sent nor withdrawn");
                Err(StoreError::OutcomeUnknown(store_error.to_string()).into())
            }
        }
    }
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
pub(super) fn not_sent(reason: &PublishError) -> SubmitError {
    match reason {
        PublishError::Queue(QueueError::Unusable { .. } | QueueError::Denied { .. }) => {
            SubmitError::QueueUnusable(reason.to_string())
        }
        _ => SubmitError::QueueUnavailable(reason.to_string()),
    }
}

/// A repetition is answered with what it repeats.
pub(super) fn repeated(earlier: PriorSubmission) -> Result<Accepted, SubmitError> {
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
