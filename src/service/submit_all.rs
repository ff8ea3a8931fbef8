//! Submission of many tasks as one request: all of them are accepted, or none is.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{Instrument, Span, error, info, warn};
use uuid::Uuid;

use super::submit::{Accepted, SubmitError, Submitter, not_sent, repeated};
use crate::domain::correlation;
use crate::domain::status::Status;
use crate::domain::task::NewTask;
use crate::queue::amqp::{OutgoingMessage, PublishError};
use crate::store::{BatchInsertion, PriorSubmission, StoreError};

impl Submitter {
    /// Stores the tasks and sends them on their way; those with a key share it.
    ///
    /// Goes on to its end even if the caller is dropped, as a single submission does.
    pub async fn submit_all(&self, tasks: Vec<NewTask>) -> Result<Vec<Accepted>, SubmitError> {
        let backends: BTreeSet<&str> = tasks.iter().map(|task| &*task.backend).collect();
        let backends: Vec<&str> = backends.into_iter().collect();
        if let Some(not_ready_reason) = self.dispatcher.not_ready_reason_now(&backends).await {
            // A repetition of a request that was accepted must not be told that it was not.
            let key = tasks.first().and_then(|task| task.idempotency.as_ref());
            let earlier = self.store.earlier_submission(key).await?;
            return if earlier.is_empty() {
                Err(not_ready_reason.into())
            } else {
                all_repeated(earlier)
            };
        }
        let submitter = self.clone();
        let work = async move { submitter.store_and_send_all(tasks).await };
        tokio::spawn(correlation::inherit(work.instrument(Span::current())))
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::OutcomeUnknown("the submission broke down".to_owned()).into())
            })
    }

    async fn store_and_send_all(&self, tasks: Vec<NewTask>) -> Result<Vec<Accepted>, SubmitError> {
        let tasks: Vec<Arc<NewTask>> = tasks.into_iter().map(Arc::new).collect();
        let submitted_at = match self.store.insert_all(&tasks).await? {
            BatchInsertion::Created { submitted_at } => submitted_at,
            BatchInsertion::Existing(earlier) => return all_repeated(earlier),
        };
        info!(tasks = tasks.len(), to = %Status::Pending, "batch submitted");
        let messages = tasks.iter().map(|task| message(task)).collect();
        let outcomes = self.dispatcher.send_all(messages).await;
        self.settle_all_unsent(&tasks, &outcomes).await?;
        let accepted = |task: &Arc<NewTask>| Accepted {
            task_id: task.task_id,
            status: Status::Pending,
            submitted_at,
            correlation_id: task.correlation_id.clone(),
        };
        Ok(tasks.iter().map(accepted).collect())
    }

    /// Decides about a batch that is committed and of which some messages are not known to be safe:
    /// withdrawn as a whole, or accepted as a whole.
    async fn settle_all_unsent(
        &self,
        tasks: &[Arc<NewTask>],
        outcomes: &[Result<(), PublishError>],
    ) -> Result<(), SubmitError> {
        let Some(Err(reason)) = outcomes.iter().find(|outcome| outcome.is_err()) else {
            return Ok(());
        };
        let unsent: Vec<Uuid> = tasks
            .iter()
            .zip(outcomes)
            .filter_map(|(task, outcome)| outcome.is_err().then_some(task.task_id))
            .collect();
        let has_key = tasks.iter().any(|task| task.idempotency.is_some());
        // A repetition of the request may have been answered with these tasks already.
        if has_key || !self.withdraw_all(tasks, reason).await? {
            warn!(unsent = unsent.len(), %reason,
                  "batch accepted although messages of it are not safe; the sweep will send them");
            self.leave_to_the_sweep(&unsent).await;
            return Ok(());
        }
        warn!(tasks = tasks.len(), unsent = unsent.len(), %reason,
              "batch withdrawn: messages of it are not safe");
        Err(not_sent(reason))
    }

    async fn withdraw_all(
        &self,
        tasks: &[Arc<NewTask>],
        reason: &PublishError,
    ) -> Result<bool, SubmitError> {
        let task_ids: Vec<Uuid> = tasks.iter().map(|task| task.task_id).collect();
        self.store.withdraw_all(&task_ids).await.map_err(|error| {
            error!(tasks = tasks.len(), %reason, %error, "batch could be neither sent nor withdrawn");
            StoreError::OutcomeUnknown(error.to_string()).into()
        })
    }

    /// Where that fails, the sweep finds them as well, but later: more tasks wait than messages.
    async fn leave_to_the_sweep(&self, unsent: &[Uuid]) {
        if let Err(error) = self.store.undo_dispatch(unsent).await {
            warn!(%error, "unsent tasks are not marked");
        }
    }
}

fn message(task: &NewTask) -> OutgoingMessage {
    OutgoingMessage {
        task_id: task.task_id,
        backend: task.backend.clone(),
        priority: u8::try_from(task.priority).unwrap_or_default(),
        correlation_id: task.correlation_id.clone(),
    }
}

fn all_repeated(earlier: Vec<PriorSubmission>) -> Result<Vec<Accepted>, SubmitError> {
    earlier.into_iter().map(repeated).collect()
}
