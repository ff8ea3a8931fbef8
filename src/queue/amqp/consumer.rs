//! Consumes from the queues of several backends over one connection, until shut down.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

use super::backend_consumer::BackendConsumer;
use super::backoff::ReconnectBackoff;
use super::config::AmqpConfig;
use super::connection::Link;
use super::consumer_pause::ConsumerPause;
use super::consumer_status::ConsumerStatus;
use super::inbox::{Deliveries, Inbox};
use super::state::LinkState;
use crate::metrics;

/// The name of the link in metrics.
const LINK: &str = "consumer";

/// The handle of a consumer. It stops when the token is cancelled or the handle is dropped;
/// the broker then redelivers unsettled deliveries to another worker.
pub struct Consumer {
    board: watch::Sender<ConsumerStatus>,
    paused: watch::Sender<ConsumerPause>,
    limit: Duration,
    _stop_when_dropped: DropGuard,
}

impl Consumer {
    /// Starts consuming for `backends` in the background, with up to `prefetch` unsettled
    /// deliveries for each (at least 1: AMQP reads 0 as no limit).
    pub fn start(
        config: AmqpConfig,
        backends: Vec<String>,
        prefetch: u16,
        shutdown: &CancellationToken,
    ) -> (Self, Deliveries) {
        let shutdown = shutdown.child_token();
        let inbox = Arc::new(Inbox::default());
        let board = watch::Sender::new(ConsumerStatus::starting(backends.len()));
        let paused = watch::Sender::new(ConsumerPause::default());
        let limit = config.connect_timeout;
        let lane = |(index, backend)| BackendConsumer {
            index,
            backend,
            prefetch: prefetch.max(1),
            config: config.clone(),
            has_other_arguments: false,
            inbox: Arc::clone(&inbox),
            board: board.clone(),
            paused: paused.subscribe(),
            shutdown: shutdown.clone(),
        };
        let lanes = backends.into_iter().enumerate().map(lane).collect();
        tokio::spawn(run(
            config,
            lanes,
            Arc::clone(&inbox),
            board.clone(),
            shutdown.clone(),
        ));
        let consumer = Self {
            board,
            paused,
            limit,
            _stop_when_dropped: shutdown.drop_guard(),
        };
        (consumer, Deliveries { inbox })
    }

    /// `Up` only when the broker has confirmed consuming from every queue.
    pub fn state(&self) -> LinkState {
        self.board.borrow().state()
    }

    /// Waits until the broker has confirmed consuming from every queue, or the consumer is closed.
    pub async fn wait_up(&self) {
        self.wait_for(|state| matches!(state, LinkState::Up | LinkState::Closed))
            .await;
    }

    /// Waits until the connection is closed after the token was cancelled.
    pub async fn wait_closed(&self) {
        self.wait_for(|state| matches!(state, LinkState::Closed))
            .await;
    }

    /// Stops consuming. Deliveries that no worker has taken return to their queues; those that a worker
    /// has taken can still be settled. Returns when the broker has stopped delivering, or after a timeout.
    /// Stays paused across reconnects until `resume`.
    pub async fn pause(&self) {
        self.paused.send_modify(|paused| paused.all = true);
        let stopped = |board: &ConsumerStatus| !board.link.is_up() || board.none_can_consume();
        // Each step of a starting lane has its own limit; this one covers all of them.
        let _ = timeout(self.limit * 3, self.board.subscribe().wait_for(stopped)).await;
    }

    /// Consumes again. Returns at once; `wait_up` waits until consuming has started.
    pub fn resume(&self) {
        self.paused.send_modify(|paused| paused.all = false);
    }

    /// Consumes from the queues of all backends but these, from now on and across reconnects. Returns at once. The state is that
    /// of the other backends.
    pub fn pause_backends(&self, backends: BTreeSet<String>) {
        self.paused.send_if_modified(|paused| {
            let is_new = paused.backends != backends;
            paused.backends = backends;
            is_new
        });
    }

    pub(super) async fn wait_for(&self, condition: impl Fn(LinkState) -> bool) {
        let mut board = self.board.subscribe();
        // `self` owns the sender: the wait cannot fail.
        let _ = board.wait_for(|board| condition(board.state())).await;
    }
}

async fn run(
    config: AmqpConfig,
    lanes: Vec<BackendConsumer>,
    inbox: Arc<Inbox>,
    board: watch::Sender<ConsumerStatus>,
    shutdown: CancellationToken,
) {
    let mut backoff = ReconnectBackoff::default();
    metrics::broker_connected(LINK, false);
    let over = shutdown.clone();
    let keep_consuming = async {
        while !shutdown.is_cancelled() {
            let (reason, lasted) = one_connection(&config, &lanes, &board, &shutdown).await;
            if shutdown.is_cancelled() {
                break;
            }
            let wait = backoff.next(lasted);
            warn!(
                event = "amqp.consumer_disconnected", reason, delay = ?wait,
                "consumer is disconnected: reconnecting"
            );
            metrics::broker_disconnected(LINK);
            board.send_modify(|board| board.link = LinkState::down_after(&board.link, &reason));
            tokio::select! {
                () = sleep(wait) => {}
                () = over.cancelled() => {}
            }
        }
    };
    keep_consuming.await;
    inbox.close();
    metrics::broker_closed(LINK);
    board.send_modify(|board| board.link = LinkState::Closed);
}

/// Consumes over one connection until it ends; returns the reason and how long it lasted.
async fn one_connection(
    config: &AmqpConfig,
    lanes: &[BackendConsumer],
    board: &watch::Sender<ConsumerStatus>,
    shutdown: &CancellationToken,
) -> (String, Duration) {
    let opened = tokio::select! {
        opened = Link::open(config, "consumer") => opened,
        () = shutdown.cancelled() => return ("shut down".to_owned(), Duration::ZERO),
    };
    let link = match opened {
        Ok(link) => Arc::new(link),
        Err(error) => return (error.to_string(), Duration::ZERO),
    };
    info!(
        event = "amqp.consumer_connected",
        address = link.address(),
        "consumer connected"
    );
    let since = Instant::now();
    metrics::broker_connected(LINK, true);
    board.send_modify(|board| board.link = LinkState::Up);
    let mut running = JoinSet::new();
    for lane in lanes {
        running.spawn(lane.clone().run(Arc::clone(&link)));
    }
    tokio::select! {
        () = link.lost() => {}
        () = shutdown.cancelled() => {}
    }
    // Lanes end without a signal: each of their steps has its own limit.
    while running.join_next().await.is_some() {}
    let reason = link.lost_reason();
    if let Some(link) = Arc::into_inner(link) {
        link.close().await;
    }
    (reason, since.elapsed())
}
