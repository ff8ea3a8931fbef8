//! Handlers of the frames that the broker sends without a request: closes, cancels, confirms, returns, blocks.
//!
//! The task that reads the connection or the channel owns its callback object and drops it when it
//! ends. The drop guard is therefore the one signal that covers every kind of end, including a
//! panic inside the client library.

use std::sync::{Arc, OnceLock};

use amqprs::callbacks::{ChannelCallback, ConnectionCallback};
use amqprs::channel::Channel;
use amqprs::connection::Connection;
use amqprs::{Ack, BasicProperties, Cancel, Close, CloseChannel, Nack, Return};
use async_trait::async_trait;
use tokio_util::sync::DropGuard;
use tracing::{info, warn};

use super::confirms::Confirms;

type AmqpResult<T> = Result<T, amqprs::error::Error>;

/// Why the broker closed a connection or a channel: reply code and text (AMQP 0-9-1, 1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CloseReason {
    pub(super) code: u16,
    pub(super) text: String,
}

/// Written once, by the callback; read after the connection or the channel has ended.
pub(super) type CloseSlot = Arc<OnceLock<CloseReason>>;

pub(super) struct ConnectionEvents {
    pub(super) reason: CloseSlot,
    pub(super) _lost: DropGuard,
}

#[async_trait]
impl ConnectionCallback for ConnectionEvents {
    async fn close(&mut self, _: &Connection, close: Close) -> AmqpResult<()> {
        let _ = self.reason.set(CloseReason {
            code: close.reply_code(),
            text: close.reply_text().clone(),
        });
        Ok(())
    }

    // The client library does not announce the capability `connection.blocked`, so RabbitMQ sends
    // neither of these two; publishers detect a block by missing confirms.
    async fn blocked(&mut self, connection: &Connection, reason: String) {
        warn!(
            event = "amqp.connection_blocked",
            connection = connection.connection_name(),
            reason,
            "connection blocked by RabbitMQ"
        );
    }

    async fn unblocked(&mut self, connection: &Connection) {
        info!(
            event = "amqp.connection_unblocked",
            connection = connection.connection_name(),
            "connection unblocked by RabbitMQ"
        );
    }

    async fn secret_updated(&mut self, _: &Connection) {}
}

pub(super) struct ChannelEvents {
    pub(super) reason: CloseSlot,
    pub(super) confirms: Option<Arc<Confirms>>,
    pub(super) _closed: DropGuard,
}

#[async_trait]
impl ChannelCallback for ChannelEvents {
    async fn close(&mut self, _: &Channel, close: CloseChannel) -> AmqpResult<()> {
        let _ = self.reason.set(CloseReason {
            code: close.reply_code(),
            text: close.reply_text().clone(),
        });
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, _: Cancel) -> AmqpResult<()> {
        // `Ok` makes the library drop the consumer's sender; its receiver ends, and the lane reacts.
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> AmqpResult<bool> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, ack: Ack) {
        if let Some(confirms) = &self.confirms {
            confirms.acked(ack.delivery_tag(), ack.mutiple());
        }
    }

    async fn publish_nack(&mut self, _: &Channel, nack: Nack) {
        if let Some(confirms) = &self.confirms {
            confirms.nacked(nack.delivery_tag(), nack.multiple());
        }
    }

    async fn publish_return(
        &mut self,
        _: &Channel,
        _: Return,
        properties: BasicProperties,
        _: Vec<u8>,
    ) {
        let id = properties.message_id().and_then(|id| id.parse().ok());
        if let (Some(confirms), Some(task_id)) = (&self.confirms, id) {
            confirms.returned(task_id);
        }
    }
}
