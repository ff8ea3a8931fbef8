//! One backend of a consumer: its channel, its queue, and how it resumes consuming.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amqprs::channel::{
    BasicCancelArguments, BasicConsumeArguments, BasicQosArguments, ConsumerMessage,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::field::display;
use tracing::{debug, info, warn};

use super::acker::{self, AckCommand};
use super::backoff::ReconnectBackoff;
use super::config::AmqpConfig;
use super::connection::{Link, LinkChannel};
use super::consumer_pause::ConsumerPause;
use super::consumer_status::{BackendConsumerState, ConsumerStatus};
use super::delivery::{Delivery, Settler};
use super::error::{LinkError, QueueError};
use super::inbox::Inbox;
use super::message::Received;
use super::topology::{self, queue_name};

const CHUNK: usize = 64;
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// The part of a consumer that one lane needs.
#[derive(Clone)]
pub(super) struct BackendConsumer {
    pub(super) index: usize,
    pub(super) backend: String,
    pub(super) prefetch: u16,
    pub(super) config: AmqpConfig,
    /// Whether the queue exists with arguments other than those declared; it is used as it is.
    pub(super) has_other_arguments: bool,
    pub(super) inbox: Arc<Inbox>,
    pub(super) board: watch::Sender<ConsumerStatus>,
    pub(super) paused: watch::Receiver<ConsumerPause>,
    pub(super) shutdown: CancellationToken,
}

struct Channel {
    channel: LinkChannel,
    acker: mpsc::UnboundedSender<AckCommand>,
}

type Messages = mpsc::UnboundedReceiver<ConsumerMessage>;

/// Why consuming stopped.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// The broker cancelled the consumer: its queue was deleted or moved.
    Cancelled,
    Paused,
    ChannelClosed,
    Over,
}

impl BackendConsumer {
    /// Consumes until the link is lost or the consumer is shut down, over successive
    /// channels.
    pub(super) async fn run(mut self, link: Arc<Link>) {
        let mut backoff = ReconnectBackoff::default();
        while !self.shutdown.is_cancelled() && link.is_alive() {
            let started = Instant::now();
            let Err(error) = self.over_one_channel(&link).await else {
                break;
            };
            self.inbox.take_back(self.index);
            if !link.is_alive() {
                break;
            }
            link.count_lost_channel();
            if let QueueError::OtherArguments { .. } = &error {
                warn!(
                    event = "amqp.queue_other_arguments", backend = self.backend, detail = %error,
                    "queue exists with other arguments: it is used unchanged"
                );
                self.has_other_arguments = true;
                continue;
            }
            let wait = backoff.next(started.elapsed());
            warn!(
                event = "amqp.consume_failed", backend = self.backend, %error, delay = ?wait,
                "consuming failed: trying again"
            );
            self.set(BackendConsumerState::Failed(error.to_string().into()));
            self.rest(link.as_ref(), wait).await;
        }
        self.inbox.take_back(self.index);
        self.set(BackendConsumerState::Starting);
    }

    /// `Ok` at the end of the link or the consumer; an error if the channel was closed.
    async fn over_one_channel(&mut self, link: &Link) -> Result<(), QueueError> {
        let channel = link.open_channel(None).await?;
        self.limit_prefetch(link, &channel).await?;
        let acker = acker::spawn(&channel);
        let channel = Channel { channel, acker };
        let mut backoff = ReconnectBackoff::default();
        loop {
            if !self.wait_unpaused(link, &channel).await? {
                break;
            }
            let started = Instant::now();
            let (tag, messages) = self.consume(link, &channel.channel).await?;
            match self.forward(link, &channel, messages).await {
                (Stop::ChannelClosed, _) => return Err(channel.channel.closed_error().into()),
                (Stop::Cancelled, _) => {
                    warn!(
                        event = "amqp.consumer_cancelled",
                        backend = self.backend,
                        "consumer cancelled by RabbitMQ: its queue was probably deleted"
                    );
                    self.inbox.take_back(self.index);
                    self.set(BackendConsumerState::Starting);
                    self.rest(link, backoff.next(started.elapsed())).await;
                }
                (stop, messages) => {
                    self.cancel(link, &channel, tag, messages).await?;
                    if stop == Stop::Over {
                        break;
                    }
                }
            }
        }
        self.flush(&channel).await;
        channel.channel.close(link).await;
        Ok(())
    }

    /// False at the end of the link or the consumer.
    async fn wait_unpaused(&mut self, link: &Link, channel: &Channel) -> Result<bool, QueueError> {
        loop {
            let paused = self.paused.borrow_and_update().clone();
            if !paused.covers(&self.backend) {
                return Ok(true);
            }
            self.set(if paused.all {
                BackendConsumerState::Paused
            } else {
                BackendConsumerState::BackendPaused
            });
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(false),
                () = link.lost() => return Ok(false),
                () = channel.channel.closed.cancelled() => return Err(channel.channel.closed_error().into()),
                changed = self.paused.changed() => if changed.is_err() {
                    return Ok(false);
                },
            }
        }
    }

    async fn limit_prefetch(&self, link: &Link, channel: &LinkChannel) -> Result<(), LinkError> {
        let broker = channel.channel.clone();
        // Not global: quorum queues refuse a prefetch that consumers of the channel share.
        let arguments = BasicQosArguments::new(0, self.prefetch, false);
        let limited = link.request(
            "basic.qos",
            async move { broker.basic_qos(arguments).await },
        );
        limited.await.map_err(|error| channel.explain(error))
    }

    async fn consume(
        &mut self,
        link: &Link,
        channel: &LinkChannel,
    ) -> Result<(String, Messages), QueueError> {
        let queue = queue_name(&self.config.queue, &self.backend);
        if !self.has_other_arguments {
            topology::declare(link, channel, &self.config, &queue).await?;
        } else if topology::depth(link, channel, &queue).await?.is_none() {
            // The queue was deleted: the next attempt declares it.
            self.has_other_arguments = false;
            return Err(channel.closed_error().into());
        }
        let broker = channel.channel.clone();
        let arguments =
            BasicConsumeArguments::new(&queue, &format!("qtask-{}", uuid::Uuid::now_v7()));
        let request = async move { broker.basic_consume_rx(arguments).await };
        let consuming = link.request("basic.consume", request).await;
        let consuming = consuming.map_err(|error| channel.explain(error))?;
        info!(
            event = "amqp.consuming",
            backend = self.backend,
            queue,
            "consuming started"
        );
        self.set(BackendConsumerState::Consuming);
        Ok(consuming)
    }

    async fn forward(
        &self,
        link: &Link,
        channel: &Channel,
        mut messages: Messages,
    ) -> (Stop, Messages) {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut paused = self.paused.clone();
        let stop = loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break Stop::Over,
                () = link.lost() => break Stop::Over,
                () = channel.channel.closed.cancelled() => break Stop::ChannelClosed,
                asked = paused.wait_for(|paused| paused.covers(&self.backend)) => match asked {
                    Ok(_) => break Stop::Paused,
                    Err(_) => break Stop::Over,
                },
                count = messages.recv_many(&mut chunk, CHUNK) => {
                    if count == 0 {
                        break Stop::Cancelled;
                    }
                    let deliveries = chunk.drain(..).filter_map(|m| self.delivery(m, channel));
                    self.inbox.push(deliveries);
                }
            }
        };
        // A closing channel also drops its consumers, and either event may arrive first.
        if stop == Stop::Cancelled && !channel.channel.channel.is_open() {
            return (Stop::ChannelClosed, messages);
        }
        (stop, messages)
    }

    fn delivery(&self, message: ConsumerMessage, channel: &Channel) -> Option<Delivery> {
        let (deliver, properties) = (message.deliver?, message.basic_properties?);
        let body = message.content.unwrap_or_default();
        let Received {
            task_id,
            correlation_id,
            trace,
        } = Received::parse(&body, &properties);
        let backend = &self.backend;
        let named = task_id.as_ref().map(display);
        debug!(
            event = "amqp.message_delivered",
            task_id = named,
            correlation_id,
            backend,
            "message delivered"
        );
        Some(Delivery {
            body,
            task_id,
            correlation_id,
            trace,
            redelivered: deliver.redelivered(),
            backend: backend.clone(),
            settler: Settler {
                tag: deliver.delivery_tag(),
                lane: self.index,
                acker: Some(channel.acker.clone()),
            },
        })
    }

    /// Stops consuming and requeues the deliveries that no worker has taken. `messages` holds the deliveries
    /// that arrived before the broker's answer.
    async fn cancel(
        &self,
        link: &Link,
        channel: &Channel,
        tag: String,
        mut messages: Messages,
    ) -> Result<(), QueueError> {
        if link.is_alive() {
            let broker = channel.channel.channel.clone();
            let arguments = BasicCancelArguments::new(&tag);
            let request = async move { broker.basic_cancel(arguments).await };
            let cancelled = link.request("basic.cancel", request).await;
            cancelled.map_err(|error| channel.channel.explain(error))?;
        }
        while let Ok(message) = messages.try_recv() {
            drop(self.delivery(message, channel));
        }
        self.inbox.take_back(self.index);
        self.flush(channel).await;
        info!(
            event = "amqp.consuming_stopped",
            backend = self.backend,
            "consuming stopped"
        );
        Ok(())
    }

    /// Waits until all settlements so far were passed to the connection.
    async fn flush(&self, channel: &Channel) {
        let (done, flushed) = oneshot::channel();
        if channel.acker.send(AckCommand::Flush(done)).is_ok() {
            let _ = timeout(FLUSH_LIMIT, flushed).await;
        }
    }

    async fn rest(&self, link: &Link, wait: Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            () = link.lost() => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    fn set(&self, state: BackendConsumerState) {
        self.board
            .send_modify(|board| board.set_lane(self.index, state));
    }
}
