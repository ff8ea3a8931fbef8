//! How workers learn of tasks: through the broker, or from PostgreSQL directly.

use std::time::Duration;

use crate::domain::trace_context::TraceContext;
use crate::queue::amqp::{LinkState, OutgoingMessage, PublishError, Publisher};
use crate::traces::{Span, SpanKind};

/// How long a submission waits for the first connection.
const FIRST_CONNECT: Duration = Duration::from_secs(2);
/// Maximum number of queues that a health report names.
const MOST_NAMED: usize = 5;

/// The path of a task to its workers. Cheap to clone.
#[derive(Clone)]
pub enum Dispatcher {
    /// A message for each task.
    Amqp(Publisher),
    /// The commit, with its notification.
    Postgres,
}

/// Why a task cannot be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReadyReason {
    /// The broker is unreachable or accepts no messages; it may recover without an operator.
    Away(String),
    /// The backend's queue is unusable until an operator changes it; the text says how.
    UnusableQueue(String),
}

/// The state of the queue, as far as known without a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueHealth {
    /// Tasks can be sent; with a remark if a queue differs from its declaration.
    Connected(Option<String>),
    /// The broker is connected, and some queues are unusable.
    Unusable(String),
    /// The broker is unreachable.
    Disconnected(String),
    /// The broker is connected and accepts no messages.
    Blocked(String),
}

impl Dispatcher {
    /// Why no task can be sent at present, as far as known without trying.
    pub fn not_ready_reason(&self) -> Option<String> {
        match self {
            Self::Postgres => None,
            Self::Amqp(publisher) => match publisher.state() {
                LinkState::Up => None,
                state => Some(state.to_string()),
            },
        }
    }

    /// The same, for tasks of these backends. Waits a limited time for a link that connects for the first
    /// time: a process that has just started need not refuse tasks that it can soon accept.
    pub async fn not_ready_reason_now(&self, backends: &[&str]) -> Option<NotReadyReason> {
        let Self::Amqp(publisher) = self else {
            return None;
        };
        if publisher.state() == LinkState::Connecting {
            let _ = tokio::time::timeout(FIRST_CONNECT, publisher.wait_up()).await;
        }
        if let Some(reason) = self.not_ready_reason() {
            return Some(NotReadyReason::Away(reason));
        }
        let unusable = publisher.unusable(backends).await?;
        Some(NotReadyReason::UnusableQueue(unusable.to_string()))
    }

    /// The state of the queue.
    pub fn health(&self) -> QueueHealth {
        let Self::Amqp(publisher) = self else {
            return QueueHealth::Connected(None);
        };
        match publisher.state() {
            LinkState::Up => {
                let unusable: Vec<String> = publisher
                    .unusable_queues()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                match (in_short(&unusable), in_short(&publisher.remarks())) {
                    (Some(unusable), _) => QueueHealth::Unusable(unusable),
                    (None, remarks) => QueueHealth::Connected(remarks),
                }
            }
            LinkState::Blocked { reason } => QueueHealth::Blocked(reason.to_string()),
            LinkState::Down { reason, .. } => QueueHealth::Disconnected(reason.to_string()),
            state => QueueHealth::Disconnected(state.to_string()),
        }
    }

    /// Compares the queues of these backends with their declarations at every new connection, until the
    /// link is closed.
    pub async fn watch_queues(&self, backends: &[String]) {
        if let Self::Amqp(publisher) = self {
            publisher.watch_queues(backends).await;
        }
    }

    /// Sends tasks and returns for each, in the same order, whether the broker has confirmed it. `parent` is the span that causes it.
    pub async fn send(
        &self,
        messages: Vec<OutgoingMessage>,
        parent: Option<&TraceContext>,
    ) -> Vec<Result<(), PublishError>> {
        match self {
            Self::Postgres => vec![Ok(()); messages.len()],
            Self::Amqp(publisher) => publish(publisher, messages, parent).await,
        }
    }
}

/// Publishes messages, with the span of the publication in each.
pub async fn publish(
    publisher: &Publisher,
    mut messages: Vec<OutgoingMessage>,
    parent: Option<&TraceContext>,
) -> Vec<Result<(), PublishError>> {
    let mut span = Span::begin(SpanKind::Producer, "publish", parent);
    if span.is_recording() {
        describe(&mut span, publisher, &messages);
    }
    for message in &mut messages {
        message.trace = span.context().cloned();
    }
    let outcomes = publisher.publish(messages).await;
    if let Some(Err(error)) = outcomes.iter().find(|outcome| outcome.is_err()) {
        span.fail("publish_failed", error);
    }
    outcomes
}

fn describe(span: &mut Span, publisher: &Publisher, messages: &[OutgoingMessage]) {
    span.text("messaging.system", "rabbitmq");
    span.text("messaging.operation.type", "send");
    span.text("messaging.operation.name", "publish");
    let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
    span.number("messaging.batch.message_count", count);
    let Some((first, others)) = messages.split_first() else {
        return;
    };
    if others.is_empty() {
        span.text("messaging.message.id", first.task_id);
    }
    if others.iter().all(|other| other.backend == first.backend) {
        let queue = publisher.queue_of(&first.backend);
        span.rename(|| format!("publish {queue}"));
        span.text("messaging.destination.name", queue);
    }
}

fn in_short(texts: &[String]) -> Option<String> {
    let shown: Vec<&str> = texts.iter().take(MOST_NAMED).map(String::as_str).collect();
    (!shown.is_empty()).then(|| match texts.len() - shown.len() {
        0 => shown.join("; "),
        rest => format!("{}; and {rest} more", shown.join("; ")),
    })
}
