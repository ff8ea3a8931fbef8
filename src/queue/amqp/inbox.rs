//! Deliveries from the broker that no worker has taken yet.
//!
//! Not a tokio channel, because a pause and a lost connection must be able to remove entries.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::delivery::Delivery;

/// Bounded by the prefetch of the consumer's channels.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: Mutex<WaitingDeliveries>,
    arrived: Notify,
}

#[derive(Default)]
struct WaitingDeliveries {
    deliveries: VecDeque<Delivery>,
    closed: bool,
}

/// The receiving end of a [`Consumer`](super::Consumer), in the order of arrival.
pub struct Deliveries {
    pub(super) inbox: Arc<Inbox>,
}

impl Deliveries {
    /// Returns the next delivery; `None` when the consumer is closed permanently. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Delivery> {
        let mut one = Vec::with_capacity(1);
        self.recv_many(&mut one, 1).await;
        one.pop()
    }

    /// Waits until there is a delivery, or the consumer is closed permanently. Cancel-safe.
    pub async fn arrived(&self) {
        loop {
            let arrived = self.inbox.arrived.notified();
            {
                let waiting = self.inbox.lock();
                if waiting.closed || !waiting.deliveries.is_empty() {
                    return;
                }
            }
            arrived.await;
        }
    }

    /// Waits for a delivery and appends the available ones, at most `limit`; returns how many. Zero
    /// when the consumer is closed permanently (or `limit` is zero). Cancel-safe.
    pub async fn recv_many(&mut self, buffer: &mut Vec<Delivery>, limit: usize) -> usize {
        loop {
            let arrived = self.inbox.arrived.notified();
            {
                let mut waiting = self.inbox.lock();
                let count = waiting.deliveries.len().min(limit);
                buffer.extend(waiting.deliveries.drain(..count));
                if count > 0 || limit == 0 || waiting.closed {
                    return count;
                }
            }
            arrived.await;
        }
    }
}

impl Inbox {
    pub(super) fn push(&self, deliveries: impl Iterator<Item = Delivery>) {
        self.lock().deliveries.extend(deliveries);
        self.arrived.notify_one();
    }

    /// Removes the deliveries of `lane`. Dropping one requeues it, or does nothing if the channel
    /// has ended.
    pub(super) fn take_back(&self, lane: usize) {
        let mut waiting = self.lock();
        let all = std::mem::take(&mut waiting.deliveries);
        let (back, kept) = all.into_iter().partition(|d| d.settler.lane == lane);
        waiting.deliveries = kept;
        drop(waiting);
        drop::<VecDeque<Delivery>>(back);
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, WaitingDeliveries> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
