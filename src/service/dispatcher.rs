//! How workers hear of tasks: through the broker, or from PostgreSQL itself.

use std::time::Duration;

use crate::queue::amqp::{LinkState, OutgoingMessage, PublishError, Publisher};

/// How long a submission waits for the first connection.
const FIRST_CONNECT: Duration = Duration::from_secs(2);

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

    /// The same, but gives a link that is being set up for the first time a moment to come up: a
    /// process that has just started need not refuse what it can take in an instant.
    pub async fn obstacle_now(&self) -> Option<String> {
        if let Self::Amqp(publisher) = self
            && publisher.state() == LinkState::Connecting
        {
            let _ = tokio::time::timeout(FIRST_CONNECT, publisher.wait_up()).await;
        }
        self.obstacle()
    }

    /// Sends one task and waits until the broker has it safe.
    pub async fn send(&self, message: OutgoingMessage) -> Result<(), PublishError> {
        let outcomes = self.send_all(vec![message]).await;
        let outcome = outcomes.into_iter().next();
        outcome.unwrap_or(Err(PublishError::Nacked))
    }

    /// Sends tasks and says of each, in the same order, whether the broker has it safe.
    pub async fn send_all(&self, messages: Vec<OutgoingMessage>) -> Vec<Result<(), PublishError>> {
        match self {
            Self::Postgres => vec![Ok(()); messages.len()],
            Self::Amqp(publisher) => publisher.publish(messages).await,
        }
    }
}
