//! Declares queues and reads their depth, on a separate connection.
//!
//! Separate from the publisher's connection, because a refused or passive declaration closes its channel
//! (which would lose confirms), and because `RabbitMQ` stops reading from connections that publish while a
//! memory or disk alarm lasts, but not from this one.

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::config::AmqpConfig;
use super::connection::{Link, LinkChannel};
use super::error::{LinkError, QueueError};
use super::topology::{self, queue_name};

/// Opened at first use, and reopened after every failure.
pub(super) struct Admin {
    config: AmqpConfig,
    /// The runtime of the connection. Callers may run on other runtimes, which end earlier.
    runtime: Handle,
    shutdown: CancellationToken,
    session: Mutex<Option<AdminSession>>,
}

struct AdminSession {
    link: Link,
    channel: Option<LinkChannel>,
}

impl Admin {
    pub(super) fn new(config: AmqpConfig, runtime: Handle, shutdown: CancellationToken) -> Self {
        Self {
            config,
            runtime,
            shutdown,
            session: Mutex::new(None),
        }
    }

    /// The name of the queue of `backend`.
    pub(super) fn queue_of(&self, backend: &str) -> String {
        queue_name(&self.config.queue, backend)
    }

    /// Declares the queue of `backend`. A queue that exists with other arguments is used as it is; the
    /// returned text then says how it differs.
    pub(super) async fn declare(&self, backend: &str) -> Result<Option<String>, QueueError> {
        let queue = queue_name(&self.config.queue, backend);
        let declare = async |link: &Link, channel: &LinkChannel| {
            topology::declare(link, channel, &self.config, &queue).await
        };
        let remark = match self.run(declare).await {
            Err(error @ QueueError::OtherArguments { .. }) => error.to_string(),
            declared => return declared.map(|()| None),
        };
        // `None` if the queue was deleted after the comparison.
        match self.depth(backend).await? {
            Some(_) => Ok(Some(remark)),
            None => self.run(declare).await.map(|()| None),
        }
    }

    /// Messages ready in the queue of `backend`; `None` without such a queue.
    pub(super) async fn depth(&self, backend: &str) -> Result<Option<u32>, QueueError> {
        let queue = queue_name(&self.config.queue, backend);
        self.run(async |link, channel| topology::depth(link, channel, &queue).await)
            .await
    }

    /// Takes the session out while it is in use: a caller that is dropped before completion drops it too,
    /// and the next caller opens a new connection.
    async fn run<T>(
        &self,
        operation: impl AsyncFnOnce(&Link, &LinkChannel) -> Result<T, QueueError>,
    ) -> Result<T, QueueError> {
        let mut slot = self.session.lock().await;
        if self.shutdown.is_cancelled() {
            return Err(LinkError::Lost("shut down".to_owned()).into());
        }
        let AdminSession { link, channel } = match slot.take() {
            Some(session) if session.link.is_alive() => session,
            _ => AdminSession {
                link: self.open().await?,
                channel: None,
            },
        };
        let channel = match channel {
            Some(channel) => channel,
            None => link.open_channel(None).await?,
        };
        let outcome = operation(&link, &channel).await;
        // A channel that the broker closed is noticed here only if the broker answered with an
        // error, and `operation` has waited for that answer.
        let channel = channel.channel.is_open().then_some(channel);
        if channel.is_none() {
            link.count_lost_channel();
        }
        *slot = Some(AdminSession { link, channel });
        outcome
    }

    async fn open(&self) -> Result<Link, LinkError> {
        let config = self.config.clone();
        let open = async move { Link::open(&config, "admin").await };
        let opened = self.runtime.spawn(open).await;
        opened.unwrap_or_else(|error| Err(LinkError::Lost(error.to_string())))
    }

    pub(super) async fn close(&self) {
        if let Some(AdminSession { link, channel }) = self.session.lock().await.take() {
            if let Some(channel) = channel {
                channel.close(&link).await;
            }
            link.close().await;
        }
    }
}
