//! `RabbitMQ` as the queue: a [`Publisher`] that reports the outcome of every message, and a
//! [`Consumer`] that reconnects after every failure of the broker.
//!
//! `amqprs` neither reconnects nor waits for confirms; this module adds both and keeps the workarounds
//! for it in `connection.rs` and `callbacks.rs`. Every wait has a timeout, every buffer a limit.
//! The files:
//!
//! - `config`, `broker_url`, `topology`, `message`: the brokers, the queues, the messages;
//! - `endpoint`, `connection`, `callbacks`, `backoff`, `state`, `error`: one live link and its end;
//! - `publisher`, `publisher_link`, `batch`, `confirms`, `admin`, `declared`, `queue_notes`: publishing;
//! - `consumer`, `consumer_status`, `backend_consumer`, `delivery`, `inbox`, `acker`: consuming.

mod acker;
mod admin;
mod backend_consumer;
mod backoff;
mod batch;
mod broker_parts;
mod broker_url;
mod broker_url_error;
mod callbacks;
mod config;
mod confirms;
mod connection;
mod consumer;
mod consumer_pause;
mod consumer_status;
mod declared;
mod delivery;
mod endpoint;
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

pub use broker_parts::BrokerParts;
pub use broker_url_error::{AmqpUrlError, BrokerPart};
pub use config::{AmqpConfig, QueueType};
pub use consumer::Consumer;
pub use delivery::Delivery;
pub use error::{LinkError, PublishError, QueueError};
pub use inbox::Deliveries;
pub use message::OutgoingMessage;
pub use publisher::Publisher;
pub use state::LinkState;
pub use topology::queue_name;
