//! Errors of requests to the broker.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::state::LinkState;

/// Why a request to the broker failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    /// No connection could be opened: each address that was tried (host, port and virtual host), with the cause.
    #[error("cannot connect to RabbitMQ at {0}")]
    Connect(String),
    /// No answer in time; the connection was abandoned.
    #[error("RabbitMQ did not answer {what} within {} ms", after.as_millis())]
    Timeout {
        /// The request.
        what: &'static str,
        /// The timeout.
        after: Duration,
    },
    /// The connection was lost.
    #[error("the connection to RabbitMQ was lost: {0}")]
    Lost(String),
    /// The broker closed the channel: its reply code and text.
    #[error("RabbitMQ closed the channel: {code} {text}")]
    ChannelClosed {
        /// AMQP reply code, such as 404 or 406.
        code: u16,
        /// The broker's reply text.
        text: String,
    },
    /// The request failed in the client.
    #[error("{what} failed: {reason}")]
    Failed {
        /// The request.
        what: &'static str,
        /// The cause.
        reason: String,
    },
}

/// Why a queue is unusable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueueError {
    /// It exists and would lose messages: it is not durable, auto-deleted, or exclusive to one
    /// connection.
    #[error(
        "the queue '{queue}' exists and cannot be used ({detail}): let it run empty and delete it \
         (rabbitmqctl delete_queue '{queue}'), or set QTASK_QUEUE to another name"
    )]
    Unusable {
        /// The queue.
        queue: String,
        /// The broker's reply text.
        detail: String,
    },
    /// It exists with arguments other than those declared, and is usable as it is.
    #[error(
        "the queue '{queue}' exists with other arguments and is used as it is; priorities may have no effect ({detail})"
    )]
    OtherArguments {
        /// The queue.
        queue: String,
        /// The broker's reply text.
        detail: String,
    },
    /// The user lacks the permission to configure, write or read it.
    #[error("RabbitMQ refuses access to the queue '{queue}': {detail}")]
    Denied {
        /// The queue.
        queue: String,
        /// The broker's reply text.
        detail: String,
    },
    /// The name violates the protocol.
    #[error("the queue name '{queue}' is longer than 255 bytes")]
    NameTooLong {
        /// The queue.
        queue: String,
    },
    /// The request to the broker failed.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Why a message is not confirmed to be in its queue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishError {
    /// There is no connection; the message was not sent.
    #[error("RabbitMQ is not reachable: {0}")]
    Down(Arc<str>),
    /// The broker currently accepts no publishes; the message was not sent.
    #[error("RabbitMQ takes no messages: {0}")]
    Blocked(Arc<str>),
    /// The queue cannot be declared; the message was not sent.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The broker replied that it could not take the message (`basic.nack`).
    #[error("RabbitMQ refused the message (basic.nack)")]
    Nacked,
    /// No queue takes the message, even after the queue was declared again.
    #[error("no queue took the message, although it was declared")]
    Unroutable,
    /// The connection was lost before the confirm: the message may or may not be in the queue.
    #[error("the connection to RabbitMQ was lost before it confirmed the message")]
    ConnectionLost,
    /// No confirm in time: the message may or may not be in the queue, now or later.
    #[error("RabbitMQ did not confirm the message in time")]
    ConfirmTimeout,
}

impl PublishError {
    /// Why publishing is impossible in this state; `None` where it is possible.
    pub(super) fn refusal(state: &LinkState) -> Option<Self> {
        match state {
            LinkState::Up => None,
            LinkState::Blocked { reason } => Some(Self::Blocked(Arc::clone(reason))),
            LinkState::Down { reason, .. } => Some(Self::Down(Arc::clone(reason))),
            other => Some(Self::Down(other.to_string().into())),
        }
    }
}
