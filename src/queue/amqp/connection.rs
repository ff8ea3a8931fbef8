//! One connection and its channels, with a limit on every wait.
//!
//! Rules that the client library imposes, all applied here:
//! - A request future that is dropped early leaves its responder behind, and a later answer makes the
//!   channel's task panic. So every request runs to its end in its own task; the caller waits with a
//!   timeout, after which the whole connection is closed.
//! - A channel closed by the broker never returns its number, and using up all numbers causes a
//!   panic. So closed channels are counted, and the connection is replaced long before.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amqprs::channel::Channel;
use amqprs::connection::Connection;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::callbacks::{ChannelEvents, CloseReason, CloseSlot, ConnectionEvents};
use super::config::AmqpConfig;
use super::confirms::Confirms;
use super::error::LinkError;

/// `RabbitMQ`'s default limit is 2047 channels on a connection.
const MAX_LOST_CHANNELS: u32 = 500;
const POLITE_CLOSE: Duration = Duration::from_secs(2);

/// A live connection. Its tasks, and those of its channels, run on the runtime that opened it,
/// not on the runtime of a request's caller. Must be dropped inside a runtime.
pub(super) struct Link {
    runtime: Handle,
    connection: Connection,
    lost: CancellationToken,
    broker_reason: CloseSlot,
    own_reason: Arc<std::sync::OnceLock<String>>,
    limit: Duration,
    lost_channels: AtomicU32,
}

/// An open channel, with a signal for its end and the reason.
pub(super) struct LinkChannel {
    pub(super) channel: Channel,
    pub(super) closed: CancellationToken,
    reason: CloseSlot,
}

impl Link {
    /// Opens a connection named `<connection_name> <role>` within the connect timeout, on the
    /// runtime of the caller.
    pub(super) async fn open(config: &AmqpConfig, role: &str) -> Result<Self, LinkError> {
        let failed = |reason: String| LinkError::Connect {
            address: config.address(),
            reason,
        };
        let arguments = config.open_arguments(role);
        let limit = config.connect_timeout;
        // A task of its own: amqprs panics if the caller is dropped between a command to its reader and the reply.
        let opening =
            tokio::spawn(async move { timeout(limit, Connection::open(&arguments)).await });
        let connection = match opening.await {
            Ok(Ok(Ok(connection))) => connection,
            Ok(Ok(Err(error))) => return Err(failed(explain(&error))),
            Ok(Err(_)) => {
                let limit = limit.as_millis();
                return Err(failed(format!("no answer within {limit} ms")));
            }
            Err(_) => return Err(failed("the client's task ended early".to_owned())),
        };
        let link = Self {
            runtime: Handle::current(),
            connection,
            lost: CancellationToken::new(),
            broker_reason: CloseSlot::default(),
            own_reason: Arc::default(),
            limit: config.connect_timeout,
            lost_channels: AtomicU32::new(0),
        };
        let events = ConnectionEvents {
            reason: Arc::clone(&link.broker_reason),
            _lost: link.lost.clone().drop_guard(),
        };
        let registered = link.connection.register_callback(events).await;
        registered.map_err(|error| failed(error.to_string()))?;
        Ok(link)
    }

    /// Opens a channel; with `confirms`, in confirm mode.
    pub(super) async fn open_channel(
        &self,
        confirms: Option<Arc<Confirms>>,
    ) -> Result<LinkChannel, LinkError> {
        let closed = CancellationToken::new();
        let reason = CloseSlot::default();
        let events = ChannelEvents {
            reason: Arc::clone(&reason),
            confirms,
            _closed: closed.clone().drop_guard(),
        };
        let connection = self.connection.clone();
        let open = async move {
            let channel = connection.open_channel(None).await?;
            channel.register_callback(events).await?;
            Ok(channel)
        };
        let channel = self.request("channel.open", open).await?;
        Ok(LinkChannel {
            channel,
            closed,
            reason,
        })
    }

    /// Runs one request to its end in its own task, and waits for it with a timeout.
    pub(super) async fn request<T, F>(&self, what: &'static str, future: F) -> Result<T, LinkError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, amqprs::error::Error>> + Send + 'static,
    {
        let task = self.runtime.spawn(future);
        let outcome = tokio::select! {
            outcome = timeout(self.limit, task) => outcome,
            () = self.lost.cancelled() => return Err(self.lost_error()),
        };
        match outcome {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(_))) if self.lost.is_cancelled() => Err(self.lost_error()),
            Ok(Ok(Err(error))) => Err(LinkError::Failed {
                what,
                reason: error.to_string(),
            }),
            Ok(Err(_)) => Err(LinkError::Failed {
                what,
                reason: "the client's task ended early".to_owned(),
            }),
            Err(_) => {
                let after = self.limit;
                let error = LinkError::Timeout { what, after };
                self.give_up(&error.to_string());
                Err(error)
            }
        }
    }

    /// Returns when the connection has ended or was abandoned.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// True until the connection has ended or was abandoned.
    pub(super) fn is_alive(&self) -> bool {
        !self.lost.is_cancelled() && self.connection.is_open()
    }

    /// Abandons the connection for a reason found on this side.
    pub(super) fn give_up(&self, reason: &str) {
        let _ = self.own_reason.set(reason.to_owned());
        self.lost.cancel();
    }

    /// Counts a channel that the broker closed, and abandons the connection after too many.
    pub(super) fn count_lost_channel(&self) {
        if self.lost_channels.fetch_add(1, Ordering::Relaxed) >= MAX_LOST_CHANNELS {
            self.give_up("too many of its channels were closed by the broker");
        }
    }

    /// The reason why the connection ended.
    pub(super) fn lost_reason(&self) -> String {
        if let Some(CloseReason { code, text }) = self.broker_reason.get() {
            return format!("closed by the broker: {code} {text}");
        }
        let own = self.own_reason.get().cloned();
        own.unwrap_or_else(|| "network failure or missing heartbeats".to_owned())
    }

    fn lost_error(&self) -> LinkError {
        LinkError::Lost(self.lost_reason())
    }

    /// Closes the connection with the AMQP handshake, within two seconds.
    pub(super) async fn close(self) {
        if self.is_alive() {
            let closing = self.runtime.spawn(self.connection.clone().close());
            let _ = timeout(POLITE_CLOSE, closing).await;
        }
    }
}

impl LinkChannel {
    /// Replaces a generic error by the broker's reason for closing the channel, if it gave one.
    pub(super) fn explain(&self, error: LinkError) -> LinkError {
        match (&error, self.reason.get()) {
            (LinkError::Failed { .. }, Some(CloseReason { code, text })) => {
                LinkError::ChannelClosed {
                    code: *code,
                    text: text.clone(),
                }
            }
            _ => error,
        }
    }

    /// The reason why the channel ended.
    pub(super) fn closed_error(&self) -> LinkError {
        self.explain(LinkError::Failed {
            what: "the channel",
            reason: "it ended without a reason".to_owned(),
        })
    }

    /// Closes the channel with the AMQP handshake; the broker processes all earlier frames first.
    pub(super) async fn close(self, link: &Link) {
        if self.channel.is_open() {
            let _ = link.request("channel.close", self.channel.close()).await;
        }
    }
}

/// The broker closes the socket without an AMQP error when it refuses a password (the library does not
/// announce `authentication_failure_close`), so the network error needs an explanation.
fn explain(error: &amqprs::error::Error) -> String {
    let text = error.to_string();
    if ["peer shutdown", "interrupted", "reset by peer"]
        .iter()
        .any(|end| text.contains(end))
    {
        return format!(
            "{text} (wrong user name or password, or the broker is starting or stopping)"
        );
    }
    text
}
