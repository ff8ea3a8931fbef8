//! What can become of a message that was to be published.

use std::sync::Arc;

use thiserror::Error;

use super::topology::QueueError;

/// Why a message is not known to be safe in its queue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishError {
    /// There is no connection; the message was not sent.
    #[error("RabbitMQ is not reachable: {0}")]
    Down(Arc<str>),
    /// The broker takes no publishes at the moment; the message was not sent.
    #[error("RabbitMQ takes no messages: {0}")]
    Blocked(Arc<str>),
    /// The queue cannot be declared; the message was not sent.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The broker said that it could not take the message.
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
