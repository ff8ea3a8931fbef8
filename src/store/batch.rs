//! Group commit: concurrent callers share one statement and one commit.
//!
//! While one flush is in flight, the next one gathers; when idle, a single item is flushed at once.
//! There is no timer, so that a lone caller waits no longer than its own statement.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::{Instrument, Span, error, error_span};
use uuid::Uuid;

use super::StoreError;
use crate::domain::correlation::{self, Several};

/// The most items of one statement: throughput is flat from here on, and latency grows.
const MAX_BATCH: usize = 256;
/// The most bytes of one statement: PostgreSQL writes some 15 MB of large values a second, and a
/// statement has seconds.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// The most items that may wait; past it callers are told so at once.
const MAX_WAITING: usize = 8_192;
/// The most that waiting items may weigh together, in KiB.
const MAX_WAITING_KIB: usize = 256 << 10;
/// How often a statement that collided with another one is tried.
const MAX_TRIES: usize = 3;
/// After this many items that were refused alone, one after the other, the refusal is about none of them.
const MAX_REFUSED_ALONE: usize = 3;

/// A statement over many items.
pub trait Flush: Send + Sync + 'static {
    /// What one caller asks for.
    type Item: Clone + Send + Sync + 'static;
    /// What that caller is told after the commit.
    type Outcome: Send + 'static;

    /// The task that the item is about, for log lines of the statement.
    fn task_id(item: &Self::Item) -> Uuid;

    /// What an item adds to the size of the statement, in bytes, where that varies.
    fn weight(_item: &Self::Item) -> usize {
        0
    }

    /// Carries out all items or none, and answers each in its order.
    fn flush(
        &self,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, StoreError>> + Send;
}

struct QueuedItem<F: Flush> {
    item: F::Item,
    correlation_id: Option<Arc<str>>,
    reply: oneshot::Sender<Result<F::Outcome, StoreError>>,
    _room: OwnedSemaphorePermit,
}

/// A handle to the one writer that flushes for all callers.
pub struct Batcher<F: Flush> {
    queue: mpsc::Sender<QueuedItem<F>>,
    room: Arc<Semaphore>,
}

impl<F: Flush> Clone for Batcher<F> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            room: self.room.clone(),
        }
    }
}

impl<F: Flush> Batcher<F> {
    /// Starts the writer; it ends when the last handle is dropped.
    pub fn spawn(flush: F) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        tokio::spawn(write(flush, waiting));
        let room = Arc::new(Semaphore::new(MAX_WAITING_KIB));
        Self { queue, room }
    }

    /// The outcome of one item, once its statement is committed.
    ///
    /// The wait is bounded by the statements that the items before it need.
    pub async fn run(&self, item: F::Item) -> Result<F::Outcome, StoreError> {
        let full = || StoreError::Unavailable("too many statements already wait".to_owned());
        let kib = u32::try_from(F::weight(&item) / 1024 + 1).map_err(|_| full())?;
        let room = self
            .room
            .clone()
            .try_acquire_many_owned(kib)
            .map_err(|_| full())?;
        let (reply, answer) = oneshot::channel();
        let entry = QueuedItem {
            item,
            correlation_id: correlation::current(),
            reply,
            _room: room,
        };
        self.queue.try_send(entry).map_err(|_| full())?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::OutcomeUnknown("the writer stopped".to_owned())))
    }
}

async fn write<F: Flush>(flush: F, mut waiting: mpsc::Receiver<QueuedItem<F>>) {
    let mut gathered = VecDeque::with_capacity(MAX_BATCH);
    while gather(&mut waiting, &mut gathered).await {
        let (items, replies, correlation_ids) = take_batch(&mut gathered);
        if items.is_empty() {
            continue;
        }
        let shared = span::<F>(&items, &correlation_ids);
        match flush_patiently(&flush, &items)
            .instrument(shared.clone())
            .await
        {
            Ok(outcomes) => answer_all(replies, outcomes),
            Err(
                StoreError::Refused(reason)
                | StoreError::TooSlow(reason)
                | StoreError::Unstorable(reason),
            ) if items.len() > 1 => {
                shared
                    .in_scope(|| error!(reason, "a shared statement failed; each item goes alone"));
                flush_singly(&flush, &items, replies, &correlation_ids).await;
            }
            Err(error) => {
                if let StoreError::Unavailable(reason) | StoreError::OutcomeUnknown(reason) = &error
                {
                    refuse_waiting(&mut waiting, &mut gathered, reason);
                }
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Waits for an item if none is left, and takes what else is there. False when there will be none.
async fn gather<F: Flush>(
    waiting: &mut mpsc::Receiver<QueuedItem<F>>,
    gathered: &mut VecDeque<QueuedItem<F>>,
) -> bool {
    if gathered.is_empty() {
        match waiting.recv().await {
            Some(entry) => gathered.push_back(entry),
            None => return false,
        }
    }
    while gathered.len() < MAX_BATCH {
        match waiting.try_recv() {
            Ok(entry) => gathered.push_back(entry),
            Err(_) => break,
        }
    }
    true
}

type PendingBatch<F> = (
    Vec<<F as Flush>::Item>,
    Vec<oneshot::Sender<Result<<F as Flush>::Outcome, StoreError>>>,
    Vec<Option<Arc<str>>>,
);

/// The next items up to the size of a statement, at least one.
fn take_batch<F: Flush>(gathered: &mut VecDeque<QueuedItem<F>>) -> PendingBatch<F> {
    let (mut items, mut replies, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut correlation_ids = Vec::new();
    while let Some(entry) = gathered.pop_front() {
        // Whoever is gone is no longer told anything, so it must not be carried out either.
        if entry.reply.is_closed() {
            continue;
        }
        bytes += F::weight(&entry.item);
        if bytes > MAX_BATCH_BYTES && !items.is_empty() {
            gathered.push_front(entry);
            break;
        }
        items.push(entry.item);
        replies.push(entry.reply);
        correlation_ids.push(entry.correlation_id);
    }
    (items, replies, correlation_ids)
}

/// Says in the log lines of a statement which tasks it is for, and by whose order.
fn span<F: Flush>(items: &[F::Item], correlation_ids: &[Option<Arc<str>>]) -> Span {
    // An error's: it must be there where only slow statements and errors are logged.
    if let ([item], [id]) = (items, correlation_ids) {
        return error_span!("statement", task_id = %F::task_id(item), correlation_id = id.as_deref());
    }
    let task_ids: Vec<Uuid> = items.iter().map(F::task_id).collect();
    let mut ids: Vec<&str> = correlation_ids
        .iter()
        .flatten()
        .map(AsRef::as_ref)
        .collect();
    // The tasks of one request follow each other.
    ids.dedup();
    error_span!("statement", tasks = items.len(), task_ids = %Several(&task_ids), correlation_ids = %Several(&ids))
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

/// Flushes each item alone, so that one bad item does not fail its neighbours.
///
/// Where the first items are all refused, the refusal is about none of them: the rest is answered
/// without a statement, because each could take a whole time limit.
async fn flush_singly<F: Flush>(
    flush: &F,
    items: &[F::Item],
    replies: Vec<oneshot::Sender<Result<F::Outcome, StoreError>>>,
    correlation_ids: &[Option<Arc<str>>],
) {
    let mut refused_alone = Some(0);
    let mut entries = items.iter().zip(correlation_ids).zip(replies);
    for ((item, correlation_id), reply) in entries.by_ref() {
        let item = std::slice::from_ref(item);
        let alone = span::<F>(item, std::slice::from_ref(correlation_id));
        let answer = flush_patiently(flush, item).instrument(alone).await;
        let answer = answer.and_then(|mut outcomes| {
            outcomes
                .pop()
                .ok_or_else(|| StoreError::Refused("no answer to the item".to_owned()))
        });
        let stop = match &answer {
            Err(StoreError::Refused(reason) | StoreError::TooSlow(reason)) => {
                refused_alone = refused_alone.map(|count| count + 1);
                (refused_alone == Some(MAX_REFUSED_ALONE)).then(|| reason.clone())
            }
            Err(StoreError::Unavailable(reason) | StoreError::OutcomeUnknown(reason)) => {
                Some(reason.clone())
            }
            _ => {
                refused_alone = None;
                None
            }
        };
        let _ = reply.send(answer);
        if let Some(reason) = stop {
            for (_, reply) in entries {
                let _ = reply.send(Err(StoreError::Unavailable(reason.clone())));
            }
            return;
        }
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
fn refuse_waiting<F: Flush>(
    waiting: &mut mpsc::Receiver<QueuedItem<F>>,
    gathered: &mut VecDeque<QueuedItem<F>>,
    reason: &str,
) {
    let queued = std::iter::from_fn(|| waiting.try_recv().ok());
    for entry in gathered.drain(..).chain(queued) {
        let refusal = StoreError::Unavailable(reason.to_owned());
        let _ = entry.reply.send(Err(refusal));
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

        fn task_id(_: &u64) -> Uuid {
            Uuid::nil()
        }

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
    async fn a_statement_stays_within_its_size() {
        struct Heavy(Arc<Mutex<Vec<usize>>>);
        impl Flush for Heavy {
            type Item = usize;
            type Outcome = ();
            fn task_id(_: &usize) -> Uuid {
                Uuid::nil()
            }
            fn weight(item: &usize) -> usize {
                *item
            }
            async fn flush(&self, items: &[usize]) -> Result<Vec<()>, StoreError> {
                self.0.lock().unwrap().push(items.len());
                Ok(vec![(); items.len()])
            }
        }
        let sizes = Arc::default();
        let batcher = Batcher::spawn(Heavy(Arc::clone(&sizes)));
        let third = MAX_BATCH_BYTES / 3;
        let all = (0..7).map(|_| batcher.run(third));
        assert!(
            futures_util::future::join_all(all)
                .await
                .iter()
                .all(Result::is_ok)
        );
        batcher.run(MAX_BATCH_BYTES * 2).await.unwrap();
        assert_eq!(*sizes.lock().unwrap(), [3, 3, 1, 1]);
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
    async fn a_refusal_of_everything_is_not_tried_item_by_item() {
        let (batcher, gate, sizes) = doubling();
        let first = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.run(1).await }
        });
        tokio::task::yield_now().await;
        let refused = futures_util::future::join_all((0..100).map(|_| batcher.run(13)));
        gate.add_permits(100);
        let (refused, first) = tokio::join!(refused, first);
        assert_eq!(first.unwrap().unwrap(), 2);
        let is_told = |answer: &Result<u64, StoreError>| {
            matches!(
                answer,
                Err(StoreError::Refused(_) | StoreError::Unavailable(_))
            )
        };
        assert!(refused.iter().all(is_told));
        assert_eq!(*sizes.lock().unwrap(), [1, 100, 1, 1, 1]);
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
