//! The handle that announces tasks, and its guarantees.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, error, warn};

use super::admin::Admin;
use super::batch::PublishBatch;
use super::config::AmqpConfig;
use super::declared::Declared;
use super::error::{LinkError, PublishError, QueueError};
use super::message::OutgoingMessage;
use super::publisher_link::{PublishCommand, PublisherLink};
use super::queue_notes::{Note, QueueNotes};
use super::state::LinkState;
use crate::metrics;

type PublishOutcome = Result<(), PublishError>;

/// Maximum number of queued `publish` calls; further callers wait until their deadline.
const WAITING_CALLS: usize = 1024;
/// The interval between checks of an unusable queue.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Publishes messages and reports the outcome of each. Clones share one connection; it is closed
/// when the token is cancelled or the last clone is dropped.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<PublisherShared>,
}

struct PublisherShared {
    commands: mpsc::Sender<PublishCommand>,
    state: watch::Receiver<LinkState>,
    admin: Arc<Admin>,
    declared: Arc<Declared>,
    declaring: tokio::sync::Mutex<()>,
    notes: QueueNotes,
    confirm_timeout: Duration,
    _stop_when_dropped: DropGuard,
}

impl Publisher {
    /// Connects in the background, with retries, until `shutdown` is cancelled. All its
    /// connections run on the runtime of the caller.
    pub fn start(config: AmqpConfig, shutdown: &CancellationToken) -> Self {
        let shutdown = shutdown.child_token();
        let (commands, command_rx) = mpsc::channel(WAITING_CALLS);
        let (state_tx, state) = watch::channel(LinkState::Connecting);
        let runtime = Handle::current();
        let admin = Admin::new(config.clone(), runtime.clone(), shutdown.clone());
        let admin = Arc::new(admin);
        let declared = Arc::new(Declared::default());
        let confirm_timeout = config.confirm_timeout;
        let link = PublisherLink {
            config,
            admin: Arc::clone(&admin),
            declared: Arc::clone(&declared),
            state: state_tx,
            commands: command_rx,
            shutdown: shutdown.clone(),
        };
        runtime.spawn(link.run());
        Self {
            shared: Arc::new(PublisherShared {
                commands,
                state,
                admin,
                declared,
                declaring: tokio::sync::Mutex::default(),
                notes: QueueNotes::default(),
                confirm_timeout,
                _stop_when_dropped: shutdown.drop_guard(),
            }),
        }
    }

    /// The state of the link, without waiting.
    pub fn state(&self) -> LinkState {
        self.shared.state.borrow().clone()
    }

    /// Waits until publishing is possible or the publisher is closed permanently.
    pub async fn wait_up(&self) {
        self.wait_for(|state| matches!(state, LinkState::Up | LinkState::Closed))
            .await;
    }

    /// Waits until the connection is closed after the token was cancelled.
    pub async fn wait_closed(&self) {
        self.wait_for(|state| matches!(state, LinkState::Closed))
            .await;
    }

    pub(super) async fn wait_for(&self, condition: impl FnMut(&LinkState) -> bool) {
        // An error means that the publishing task has ended: the state is `Closed` as well.
        let _ = self.shared.state.clone().wait_for(condition).await;
    }

    /// Publishes all messages in a burst and returns the outcome of each, in the same order, within
    /// the confirm timeout. An unroutable message is published once more after its queue was
    /// declared again. Dropping the future does not recall sent messages.
    pub async fn publish(&self, messages: Vec<OutgoingMessage>) -> Vec<PublishOutcome> {
        let deadline = Instant::now() + self.shared.confirm_timeout;
        let messages: Arc<[OutgoingMessage]> = messages.into();
        let mut outcomes = self.attempt(Arc::clone(&messages), deadline).await;
        let (slots, unroutable): (Vec<_>, Vec<_>) = (outcomes.iter_mut().zip(messages.iter()))
            .filter(|(outcome, _)| **outcome == Err(PublishError::Unroutable))
            .map(|(outcome, message)| (outcome, message.clone()))
            .unzip();
        if !unroutable.is_empty() {
            warn!(
                event = "amqp.messages_returned",
                messages = unroutable.len(),
                "messages returned: declaring their queues again"
            );
            metrics::messages_returned(unroutable.len());
            self.shared.declared.forget(&unroutable);
            let second = self.attempt(unroutable.into(), deadline).await;
            for (slot, outcome) in slots.into_iter().zip(second) {
                *slot = outcome;
            }
        }
        report(&messages, &outcomes);
        outcomes
    }

    /// The name of the queue of `backend`.
    pub fn queue_of(&self, backend: &str) -> String {
        self.shared.admin.queue_of(backend)
    }

    /// Messages ready in the queue of `backend`, or `None` if it has no queue yet. Also works while
    /// publishing is blocked.
    pub async fn queue_depth(&self, backend: &str) -> Result<Option<u32>, QueueError> {
        self.shared.admin.depth(backend).await
    }

    /// Declares the queue of `backend`, regardless of its note, and records how it differs from its
    /// declaration.
    pub async fn ensure_queue(&self, backend: &str) -> Result<(), QueueError> {
        let declared = self.shared.admin.declare(backend).await;
        let note = match &declared {
            Ok(None) => None,
            Ok(Some(remark)) => Some(Note::OtherArguments(remark.clone())),
            Err(error @ (QueueError::Unusable { .. } | QueueError::Denied { .. })) => {
                Some(Note::Unusable(error.clone()))
            }
            // Nothing is known about the queue.
            Err(_) => return declared.map(drop),
        };
        if self.shared.notes.set(backend, note.clone()) {
            match note {
                Some(Note::OtherArguments(remark)) => warn!(
                    event = "amqp.queue_other_arguments",
                    backend,
                    detail = remark,
                    "queue exists with other arguments: it is used unchanged"
                ),
                Some(Note::Unusable(error)) => {
                    error!(event = "amqp.queue_unusable", backend, %error, "queue is unusable");
                }
                None => {}
            }
        }
        declared?;
        self.shared.declared.insert(backend);
        Ok(())
    }

    /// Checks the queues of these backends at each new connection, and periodically while a check fails,
    /// so that [`unusable`](Self::unusable) and [`remarks`](Self::remarks) are correct before the first
    /// publish. Creates no queue. Ends when the publisher is closed.
    pub async fn watch_queues(&self, backends: &[String]) {
        loop {
            self.wait_up().await;
            if self.state() == LinkState::Closed {
                return;
            }
            let looks = backends.iter().map(|backend| self.look_at_queue(backend));
            let all_seen = join_all(looks).await.into_iter().all(|seen| seen);
            let again = async {
                if all_seen {
                    self.wait_for(|state| !state.is_up()).await;
                } else {
                    sleep(LOOK_AGAIN).await;
                }
            };
            tokio::select! {
                () = again => {}
                () = self.wait_closed() => return,
            }
        }
    }

    /// Compares a queue, if it exists, with its declaration. False if the check must be repeated.
    async fn look_at_queue(&self, backend: &str) -> bool {
        match self.queue_depth(backend).await {
            Ok(None) => {
                self.shared.notes.set(backend, None);
                true
            }
            Ok(Some(_)) => self.ensure_queue(backend).await.is_ok(),
            // An exclusive queue is hidden from other connections: the error of a declaration names the reason.
            Err(QueueError::Unusable { .. } | QueueError::Denied { .. }) => {
                self.ensure_queue(backend).await.is_ok()
            }
            Err(_) => false,
        }
    }

    /// Why the queue of one of these backends is unusable. A queue with such a note is checked again first.
    pub async fn unusable(&self, backends: &[&str]) -> Option<QueueError> {
        for backend in backends {
            if self.shared.notes.unusable(backend).is_some() {
                let _ = timeout(self.shared.confirm_timeout, self.ensure_queue(backend)).await;
                if let Some(error) = self.shared.notes.unusable(backend) {
                    return Some(error);
                }
            }
        }
        None
    }

    /// The unusable queues, from the notes alone.
    pub fn unusable_queues(&self) -> Vec<QueueError> {
        let unusable = self.shared.notes.all_unusable().into_iter();
        unusable.map(|(_, error)| error).collect()
    }

    /// How queues that are used with other arguments differ from their declaration.
    pub fn remarks(&self) -> Vec<String> {
        self.shared.notes.other_arguments()
    }

    async fn attempt(
        &self,
        messages: Arc<[OutgoingMessage]>,
        deadline: Instant,
    ) -> Vec<PublishOutcome> {
        let count = messages.len();
        if let Some(refusal) = PublishError::refusal(&self.state()) {
            return vec![Err(refusal); count];
        }
        let batch = Arc::new(PublishBatch::new(count));
        let refused = self.declare_missing(&messages, deadline).await;
        for (index, message) in messages.iter().enumerate() {
            if let Some(error) = refused.get(&message.backend) {
                batch.settle(index, Err(PublishError::Queue(error.clone())));
            }
        }
        let command = PublishCommand {
            messages,
            batch: Arc::clone(&batch),
        };
        match timeout_at(deadline, self.shared.commands.send(command)).await {
            Ok(Ok(())) => batch.wait(deadline).await,
            // The publishing task has ended: the messages were not sent.
            Ok(Err(_)) => vec![Err(PublishError::Down("closed".into())); count],
            Err(_) => vec![Err(PublishError::Blocked("too many waiting".into())); count],
        }
    }

    /// Declares the queues that were not declared on this connection yet; returns those that
    /// failed.
    async fn declare_missing(
        &self,
        messages: &[OutgoingMessage],
        deadline: Instant,
    ) -> HashMap<String, QueueError> {
        let mut refused = HashMap::new();
        for backend in self.shared.declared.missing(messages) {
            let declared = timeout_at(deadline, self.declare_once(&backend)).await;
            let timed_out = LinkError::Timeout {
                what: "queue.declare",
                after: self.shared.confirm_timeout,
            };
            if let Err(error) = declared.unwrap_or(Err(timed_out.into())) {
                refused.insert(backend, error);
            }
        }
        refused
    }

    /// Concurrent callers that need the same queue declare it once.
    async fn declare_once(&self, backend: &str) -> Result<(), QueueError> {
        let _turn = self.shared.declaring.lock().await;
        if self.shared.declared.contains(backend) {
            return Ok(());
        }
        self.ensure_queue(backend).await
    }
}

/// The label of an outcome in metrics.
fn outcome_name(outcome: &PublishOutcome) -> &'static str {
    match outcome {
        Ok(()) => "confirmed",
        Err(PublishError::Unroutable) => "unroutable",
        Err(PublishError::Nacked) => "rejected",
        Err(PublishError::ConnectionLost | PublishError::ConfirmTimeout) => "unconfirmed",
        Err(PublishError::Down(_) | PublishError::Blocked(_) | PublishError::Queue(_)) => "unsent",
    }
}

fn report(messages: &[OutgoingMessage], outcomes: &[PublishOutcome]) {
    for (message, outcome) in messages.iter().zip(outcomes) {
        metrics::message_published(outcome_name(outcome));
        let (task_id, correlation_id, backend) =
            (message.task_id, &message.correlation_id, &message.backend);
        match outcome {
            Ok(()) => {
                debug!(event = "amqp.message_published", %task_id, correlation_id, backend, "message published");
            }
            Err(PublishError::Unroutable) => {
                warn!(
                    event = "amqp.message_unroutable", %task_id, correlation_id, backend,
                    "message unroutable: no queue took it"
                );
            }
            Err(error) => {
                debug!(
                    event = "amqp.message_unconfirmed", %task_id, correlation_id, backend, %error,
                    "message not confirmed"
                );
            }
        }
    }
}
