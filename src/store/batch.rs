//! Group commit: concurrent callers share one statement and one commit.
//!
//! While one flush is in flight, the next one gathers; when idle, a single item is flushed at once.
//! There is no timer, so that a lone caller waits no longer than its own statement.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::StoreError;

/// The most items of one statement: throughput is flat from here on, and latency grows.
const MAX_BATCH: usize = 256;
/// The most items that may wait; past it callers are told so at once.
const MAX_WAITING: usize = 8_192;
/// How often a statement that collided with another one is tried.
const MAX_TRIES: usize = 3;

/// A statement over many items.
pub trait Flush: Send + Sync + 'static {
    /// What one caller asks for.
    type Item: Clone + Send + Sync + 'static;
    /// What that caller is told after the commit.
    type Outcome: Send + 'static;

    /// Carries out all items or none, and answers each in its order.
    fn flush(
        &self,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, StoreError>> + Send;
}

struct Waiting<F: Flush> {
    item: F::Item,
    reply: oneshot::Sender<Result<F::Outcome, StoreError>>,
}

/// A handle to the one writer that flushes for all callers.
pub struct Batcher<F: Flush> {
    queue: mpsc::Sender<Waiting<F>>,
}

impl<F: Flush> Clone for Batcher<F> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

impl<F: Flush> Batcher<F> {
    /// Starts the writer; it ends when the last handle is dropped.
    pub fn spawn(flush: F) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        tokio::spawn(write(flush, waiting));
        Self { queue }
    }

    /// The outcome of one item, once its statement is committed.
    ///
    /// The wait is bounded by two statements: the one in flight and the item's own.
    pub async fn run(&self, item: F::Item) -> Result<F::Outcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Waiting { item, reply }).map_err(|_| {
            StoreError::Unavailable(format!("{MAX_WAITING} statements already wait"))
        })?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::OutcomeUnknown("the writer stopped".to_owned())))
    }
}

async fn write<F: Flush>(flush: F, mut waiting: mpsc::Receiver<Waiting<F>>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
        // Whoever is gone is no longer told anything, so it must not be carried out either.
        batch.retain(|entry| !entry.reply.is_closed());
        let (items, replies): (Vec<_>, Vec<_>) = batch
            .drain(..)
            .map(|entry| (entry.item, entry.reply))
            .unzip();
        if items.is_empty() {
            continue;
        }
        match flush_patiently(&flush, &items).await {
            Ok(outcomes) => answer_all(replies, outcomes),
            Err(StoreError::Refused(reason)) if items.len() > 1 => {
                error!(
                    reason,
                    items = items.len(),
                    "a shared statement was refused; each item goes alone"
                );
                flush_singly(&flush, &items, replies).await;
            }
            Err(error) => {
                if let StoreError::Unavailable(reason) | StoreError::OutcomeUnknown(reason) = &error
                {
                    refuse_waiting(&mut waiting, reason);
                }
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }
}

async fn flush_patiently<F: Flush>(
    flush: &F,
    items: &[F::Item],
) -> Result<Vec<F::Outcome>, StoreError> {
    let mut tries = 1;
    loop {
        match flush.flush(items).await {
            Err(StoreError::Collision(_)) if tries < MAX_TRIES => tries += 1,
            Ok(outcomes) if outcomes.len() != items.len() => {
                let message = format!("{} answers to {} items", outcomes.len(), items.len());
                return Err(StoreError::Refused(message));
            }
            answer => return answer,
        }
    }
}

/// One bad item must not fail its neighbours.
async fn flush_singly<F: Flush>(
    flush: &F,
    items: &[F::Item],
    replies: Vec<oneshot::Sender<Result<F::Outcome, StoreError>>>,
) {
    for (item, reply) in items.iter().zip(replies) {
        let answer = flush_patiently(flush, std::slice::from_ref(item)).await;
        let _ = reply.send(answer.and_then(|mut outcomes| {
            outcomes
                .pop()
                .ok_or_else(|| StoreError::Refused("no answer to the item".to_owned()))
        }));
    }
}

fn answer_all<T>(replies: Vec<oneshot::Sender<Result<T, StoreError>>>, outcomes: Vec<T>) {
    for (reply, outcome) in replies.into_iter().zip(outcomes) {
        // A caller that went away in the meantime finds its row by its own means.
        let _ = reply.send(Ok(outcome));
    }
}

/// Those who wait behind a statement that found no database, or got no answer from it, would only
/// wait for the same; theirs was not sent yet.
fn refuse_waiting<F: Flush>(waiting: &mut mpsc::Receiver<Waiting<F>>, reason: &str) {
    while let Ok(entry) = waiting.try_recv() {
        let _ = entry
            .reply
            .send(Err(StoreError::Unavailable(reason.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::Semaphore;

    use super::*;

    /// Doubles numbers; refuses any statement that holds a 13; waits for a permit before each
    /// statement.
    struct Double {
        gate: Arc<Semaphore>,
        sizes: Arc<Mutex<Vec<usize>>>,
    }

    impl Flush for Double {
        type Item = u64;
        type Outcome = u64;

        async fn flush(&self, items: &[u64]) -> Result<Vec<u64>, StoreError> {
            self.gate.acquire().await.unwrap().forget();
            self.sizes.lock().unwrap().push(items.len());
            if items.contains(&13) {
                return Err(StoreError::Refused("13".to_owned()));
            }
            Ok(items.iter().map(|item| item * 2).collect())
        }
    }

    fn doubling() -> (Batcher<Double>, Arc<Semaphore>, Arc<Mutex<Vec<usize>>>) {
        let (gate, sizes) = (Arc::new(Semaphore::new(0)), Arc::default());
        (
            Batcher::spawn(Double {
                gate: gate.clone(),
                sizes: Arc::clone(&sizes),
            }),
            gate,
            sizes,
        )
    }

    #[tokio::test]
    async fn what_arrives_during_a_flush_shares_the_next_one() {
        let (batcher, gate, sizes) = doubling();
        let callers: Vec<_> = (100..200_u64)
            .map(|number| {
                let batcher = batcher.clone();
                tokio::spawn(async move { batcher.run(number).await })
            })
            .collect();
        tokio::task::yield_now().await;
        gate.add_permits(100);
        for (number, caller) in (100..).zip(callers) {
            assert_eq!(caller.await.unwrap().unwrap(), number * 2);
        }
        assert!(
            sizes.lock().unwrap().len() <= 3,
            "{:?}",
            sizes.lock().unwrap()
        );
    }

    #[tokio::test]
    async fn one_bad_item_does_not_fail_its_neighbours() {
        let (batcher, gate, _) = doubling();
        gate.add_permits(100);
        let (good, bad, also_good) = tokio::join!(batcher.run(1), batcher.run(13), batcher.run(2));
        assert_eq!((good.unwrap(), also_good.unwrap()), (2, 4));
        assert!(matches!(bad, Err(StoreError::Refused(_))));
    }

    #[tokio::test]
    async fn an_item_whose_caller_is_gone_is_not_carried_out() {
        let (batcher, gate, sizes) = doubling();
        let first = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.run(1).await }
        });
        tokio::task::yield_now().await;
        let gone = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.run(2).await }
        });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        gate.add_permits(10);
        assert_eq!(first.await.unwrap().unwrap(), 2);
        assert_eq!(batcher.run(3).await.unwrap(), 6);
        assert_eq!(*sizes.lock().unwrap(), [1, 1]);
    }
}
