//! How workers hear of tasks: through the broker, or from PostgreSQL itself.

use crate::queue::amqp::{LinkState, OutgoingMessage, PublishError, Publisher};

/// The way of a task to its workers. Cheap to clone.
#[derive(Clone)]
pub enum Dispatcher {
    /// A message for each task.
    Amqp(Publisher),
    /// The commit itself, with its notification.
    Postgres,
}

impl Dispatcher {
    /// Why no task can be sent at the moment, as far as is known without trying.
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self::Postgres => None,
            Self::Amqp(publisher) => match publisher.state() {
                LinkState::Up => None,
                state => Some(state.to_string()),
            },
        }
    }

    /// Sends one task and waits until the broker has it safe.
    pub async fn send(&self, message: OutgoingMessage) -> Result<(), PublishError> {
        match self {
            Self::Postgres => Ok(()),
            Self::Amqp(publisher) => publisher
                .publish(vec![message])
                .await
                .into_iter()
                .next()
                .unwrap_or(Err(PublishError::Nacked)),
        }
    }
}
