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
use rand::seq::SliceRandom;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::callbacks::{ChannelEvents, CloseReason, CloseSlot, ConnectionEvents};
use super::config::AmqpConfig;
use super::confirms::Confirms;
use super::endpoint::{self, Endpoint};
use super::error::LinkError;

/// `RabbitMQ`'s default limit is 2047 channels on a connection.
const MAX_LOST_CHANNELS: u32 = 500;
const POLITE_CLOSE: Duration = Duration::from_secs(2);

/// A live connection. Its tasks, and those of its channels, run on the runtime that opened it,
/// not on the runtime of a request's caller. Must be dropped inside a runtime.
pub(super) struct Link {
    runtime: Handle,
    connection: Connection,
    address: String,
    has_tls: bool,
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
    /// Opens a connection named `<connection_name> <role>` to one of the brokers, in random order, on the runtime of
    /// the caller. The connect timeout is for all of them together.
    pub(super) async fn open(config: &AmqpConfig, role: &str) -> Result<Self, LinkError> {
        let deadline = Instant::now() + config.connect_timeout;
        let introduction = config.introduction(role);
        let mut brokers: Vec<&Endpoint> = config.endpoints().iter().collect();
        brokers.shuffle(&mut rand::rng());
        let (mut failures, mut left) = (Vec::new(), brokers.len());
        for broker in brokers {
            let limit = Instant::now() + endpoint::share(deadline, left);
            left -= 1;
            match broker.open(&introduction, limit).await {
                Ok(connection) => return Self::over(connection, broker, config).await,
                Err(reasons) => failures.extend(reasons),
            }
            if let (Some(reason), true) = (failures.last(), left > 0) {
                warn!(
                    event = "amqp.broker_skipped",
                    reason, "broker not reachable: trying the next one"
                );
            }
        }
        Err(LinkError::Connect(failures.join("; at ")))
    }

    async fn over(
        connection: Connection,
        broker: &Endpoint,
        config: &AmqpConfig,
    ) -> Result<Self, LinkError> {
        let link = Self {
            runtime: Handle::current(),
            connection,
            address: broker.address(),
            has_tls: broker.tls.is_some(),
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
        registered.map_err(|error| LinkError::Connect(format!("{}: {error}", broker.address())))?;
        Ok(link)
    }

    /// Whether the connection is encrypted.
    pub(super) fn has_tls(&self) -> bool {
        self.has_tls
    }

    /// The broker's address without credentials, for logs.
    pub(super) fn address(&self) -> &str {
        &self.address
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
