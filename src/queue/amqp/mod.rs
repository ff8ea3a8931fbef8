//! Work over `RabbitMQ`: a [`Publisher`] that knows what became of every message, and a
//! [`Consumer`] that goes on consuming whatever happens to the broker.
//!
//! `amqprs` neither reconnects nor waits for confirms; this module adds both and keeps its rough
//! edges in one place (`connection.rs` and `callbacks.rs` name them). Every wait has a limit,
//! every buffer a bound. How the pieces stand:
//!
//! - `config`, `topology`, `message`: where the broker is, what the queues are, what travels;
//! - `connection`, `callbacks`, `backoff`, `state`, `error`: one live link and its end;
//! - `publisher`, `publisher_link`, `batch`, `confirms`, `admin`, `declared`, `queue_notes`: messages out;
//! - `consumer`, `consumer_status`, `backend_consumer`, `delivery`, `inbox`, `acker`: messages in.

mod acker;
mod admin;
mod backend_consumer;
mod backoff;
mod batch;
mod callbacks;
mod config;
mod confirms;
mod connection;
mod consumer;
mod consumer_status;
mod declared;
mod delivery;
mod error;
mod inbox;
mod message;
mod publisher;
mod publisher_link;
mod queue_notes;
mod state;
mod topology;

#[cfg(test)]
mod tests;

pub use config::{AmqpConfig, AmqpUrlError, QueueType};
pub use consumer::Consumer;
pub use delivery::Delivery;
pub use error::{LinkError, PublishError, QueueError};
pub use inbox::Deliveries;
pub use message::OutgoingMessage;
pub use publisher::Publisher;
pub use state::LinkState;
pub use topology::queue_name;
