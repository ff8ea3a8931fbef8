//! The task that owns the publisher's connection: connects, publishes, watches the confirms.
//!
//! `RabbitMQ` with a memory or disk alarm still answers on a connection and only stops reading
//! in the middle of the next publish. So a new connection counts as up only after the confirm of a
//! probe, a message that no queue takes. An idle connection is probed periodically. A connection
//! without confirms counts as blocked, and is closed after the limit.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqprs::BasicProperties;
use amqprs::channel::{BasicPublishArguments, ConfirmSelectArguments};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::admin::Admin;
use super::backoff::ReconnectBackoff;
use super::batch::PublishBatch;
use super::config::AmqpConfig;
use super::confirms::Confirms;
use super::connection::{Link, LinkChannel};
use super::declared::Declared;
use super::error::{LinkError, PublishError};
use super::message::OutgoingMessage;
use super::state::LinkState;
use super::topology::queue_name;
use crate::metrics;

/// How long the first confirm of a connection may take before the broker counts as blocked.
const PROBE_LIMIT: Duration = Duration::from_secs(1);
/// The interval between probes of an idle connection.
const PROBE_EVERY: Duration = Duration::from_secs(5);
const WATCH_EVERY: Duration = Duration::from_millis(50);
/// How long confirms may be missing on a connection with TLS before a frame follows that pushes bytes out.
const PUSH_AFTER: Duration = Duration::from_millis(200);
/// The name of the link in metrics.
const LINK: &str = "publisher";
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// One `publish` call, sent to the publishing task.
pub(super) struct PublishCommand {
    pub(super) messages: Arc<[OutgoingMessage]>,
    pub(super) batch: Arc<PublishBatch>,
}

pub(super) struct PublisherLink {
    pub(super) config: AmqpConfig,
    pub(super) admin: Arc<Admin>,
    pub(super) declared: Arc<Declared>,
    pub(super) state: watch::Sender<LinkState>,
    pub(super) commands: mpsc::Receiver<PublishCommand>,
    pub(super) shutdown: CancellationToken,
}

struct PublisherSession {
    link: Link,
    channel: LinkChannel,
    confirms: Arc<Confirms>,
    backlog: VecDeque<(Arc<PublishBatch>, usize, OutgoingMessage)>,
    /// The first message was confirmed.
    proven: bool,
    pushed: Instant,
}

enum LinkEnd {
    Shutdown,
    Lost(String),
}

impl PublisherLink {
    pub(super) async fn run(mut self) {
        let mut backoff = ReconnectBackoff::default();
        metrics::broker_connected(LINK, false);
        while let Some(opened) = self.while_down(open(self.config.clone())).await {
            let since = Instant::now();
            let (reason, lasted) = match opened {
                Ok(session) => match self.serve(session).await {
                    LinkEnd::Shutdown => break,
                    LinkEnd::Lost(reason) => (reason, since.elapsed()),
                },
                Err(error) => (error.to_string(), Duration::ZERO),
            };
            let wait = backoff.next(lasted);
            warn!(
                event = "amqp.publisher_disconnected", reason, delay = ?wait,
                "publisher is disconnected: reconnecting"
            );
            metrics::broker_disconnected(LINK);
            metrics::broker_blocked(false);
            self.state
                .send_modify(|state| *state = LinkState::down_after(state, &reason));
            if self.while_down(sleep(wait)).await.is_none() {
                break;
            }
        }
        self.commands.close();
        while let Some(command) = self.commands.recv().await {
            command.batch.fail(&PublishError::Down("closed".into()));
        }
        self.admin.close().await;
        metrics::broker_closed(LINK);
        self.state.send_replace(LinkState::Closed);
    }

    /// Runs `work`, and refuses commands that were sent just before the link went down; `None` on
    /// shutdown.
    async fn while_down<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                outcome = &mut work => return Some(outcome),
                Some(command) = self.commands.recv() => self.refuse(&command),
            }
        }
    }

    fn refuse(&self, command: &PublishCommand) {
        let refusal = PublishError::refusal(&self.state.borrow());
        let error = refusal.unwrap_or_else(|| PublishError::Down("connecting".into()));
        command.batch.fail(&error);
    }

    async fn serve(&mut self, mut session: PublisherSession) -> LinkEnd {
        self.declared.clear();
        let end = self.serve_until_lost(&mut session).await;
        let PublisherSession {
            link,
            channel,
            confirms,
            backlog,
            ..
        } = session;
        for (batch, index, _) in backlog {
            batch.settle(
                index,
                Err(PublishError::Down("the connection was lost".into())),
            );
        }
        if matches!(end, LinkEnd::Shutdown) {
            drain(&link, &confirms).await;
            channel.close(&link).await;
            link.close().await;
            info!(
                event = "amqp.publisher_closed",
                "publisher connection closed"
            );
        }
        confirms.fail_all(&PublishError::ConnectionLost);
        end
    }

    async fn serve_until_lost(&mut self, session: &mut PublisherSession) -> LinkEnd {
        let mut ticks = interval(WATCH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probes = interval(PROBE_EVERY);
        probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            session.send_backlog(&self.config.queue).await;
            let up = self.state.borrow().is_up();
            let idle = session.backlog.is_empty();
            let waiting = session.confirms.waiting_since().is_some();
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return LinkEnd::Shutdown,
                () = session.link.lost() => return LinkEnd::Lost(session.link.lost_reason()),
                () = session.channel.closed.cancelled() => {
                    return LinkEnd::Lost(session.channel.closed_error().to_string());
                }
                () = session.confirms.changed(), if !idle || !up => {
                    self.watch(session);
                }
                _ = probes.tick(), if up && !waiting => session.probe().await,
                _ = ticks.tick(), if waiting => {
                    if let Some(reason) = self.watch(session) {
                        session.link.give_up(&reason);
                        return LinkEnd::Lost(reason);
                    }
                    session.push().await;
                }
                Some(command) = self.commands.recv(), if idle => {
                    if up { session.accept(command) } else { self.refuse(&command) }
                }
            }
        }
    }

    /// Sets the state from the time without confirms; returns the reason to close the connection after the limit.
    fn watch(&self, session: &mut PublisherSession) -> Option<String> {
        let limit = self.config.confirm_timeout;
        let waiting = session
            .confirms
            .waiting_since()
            .map(|since| since.elapsed());
        let stalled = match waiting {
            None => {
                session.proven = true;
                false
            }
            Some(waiting) if session.proven => waiting > limit / 2,
            Some(waiting) if waiting > PROBE_LIMIT.min(limit / 2) => true,
            Some(_) => return None,
        };
        let blocked = matches!(*self.state.borrow(), LinkState::Blocked { .. });
        if !stalled && !self.state.borrow().is_up() {
            info!(
                event = "amqp.publisher_connected",
                address = session.link.address(),
                "publisher connected"
            );
            metrics::broker_connected(LINK, true);
            metrics::broker_blocked(false);
            self.state.send_replace(LinkState::Up);
        } else if stalled && !blocked {
            warn!(
                event = "amqp.publisher_blocked",
                "publisher blocked: RabbitMQ does not confirm messages"
            );
            let reason = "it does not confirm messages (memory or disk alarm, or overload?)".into();
            metrics::broker_connected(LINK, true);
            metrics::broker_blocked(true);
            self.state.send_replace(LinkState::Blocked { reason });
        }
        let overdue = session.proven && waiting.is_some_and(|waiting| waiting > limit);
        overdue.then(|| format!("no confirm for {} ms", limit.as_millis()))
    }
}

impl PublisherSession {
    fn accept(&mut self, command: PublishCommand) {
        let PublishCommand { messages, batch } = command;
        for (index, message) in messages.iter().enumerate() {
            self.backlog
                .push_back((Arc::clone(&batch), index, message.clone()));
        }
    }

    async fn send_backlog(&mut self, base: &str) {
        while !self.backlog.is_empty() && !self.confirms.is_full() {
            let Some((batch, index, message)) = self.backlog.pop_front() else {
                break;
            };
            if batch.wants(index) {
                self.confirms.expect(&batch, index, message.task_id);
                let queue = queue_name(base, &message.backend);
                self.send(&queue, message.properties(), message.body())
                    .await;
            }
        }
    }

    /// Publishes to the default exchange, which routes by queue name. The only possible error is a lost
    /// connection, which is detected elsewhere; the message waits for its confirm.
    async fn send(&self, queue: &str, properties: BasicProperties, body: Vec<u8>) {
        let arguments = BasicPublishArguments::new("", queue)
            .mandatory(true)
            .finish();
        let channel = &self.channel.channel;
        let _ = channel.basic_publish(properties, body, arguments).await;
    }

    /// Sends a frame without effect or answer if confirms are missing on a connection with TLS. The client library
    /// does not flush: encrypted bytes for which the socket had no space are sent only with the next frame, which
    /// would otherwise be a heartbeat.
    async fn push(&mut self) {
        let waiting = self.confirms.waiting_since();
        let is_late = waiting.is_some_and(|since| since.elapsed() > PUSH_AFTER);
        if self.link.has_tls() && is_late && self.pushed.elapsed() > PUSH_AFTER {
            self.pushed = Instant::now();
            let again = ConfirmSelectArguments::new(true);
            let _ = self.channel.channel.confirm_select(again).await;
        }
    }

    /// Publishes a message that no queue takes: its confirm proves that the broker reads. It needs
    /// a body, because a blocked broker stops reading after a message's header.
    async fn probe(&self) {
        let id = Uuid::now_v7();
        self.confirms.expect(&Arc::new(PublishBatch::new(1)), 0, id);
        let nowhere = format!("qtask.probe.{id}");
        self.send(&nowhere, BasicProperties::default(), b"probe".to_vec())
            .await;
    }
}

async fn open(config: AmqpConfig) -> Result<PublisherSession, LinkError> {
    let link = Link::open(&config, "publisher").await?;
    let confirms = Arc::new(Confirms::new());
    let channel = link.open_channel(Some(Arc::clone(&confirms))).await?;
    let broker = channel.channel.clone();
    let select = async move {
        broker
            .confirm_select(ConfirmSelectArguments::default())
            .await
    };
    link.request("confirm.select", select).await?;
    let session = PublisherSession {
        link,
        channel,
        confirms,
        backlog: VecDeque::new(),
        proven: false,
        pushed: Instant::now(),
    };
    session.probe().await;
    Ok(session)
}

/// Waits for a limited time for outstanding confirms.
async fn drain(link: &Link, confirms: &Confirms) {
    let confirmed = async {
        while confirms.waiting_since().is_some() {
            confirms.changed().await;
        }
    };
    tokio::select! {
        () = link.lost() => {}
        _ = timeout(DRAIN_LIMIT, confirmed) => {}
    }
}
