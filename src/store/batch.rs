//! Group commit: concurrent callers share one statement and one commit.
//!
//! While one flush is in progress, the items of the next one are collected; an idle writer flushes a single item at once. There
//! is no timer: a single caller waits only for its own statement.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::{Instrument, Span, error_span, warn};
use uuid::Uuid;

use super::StoreError;
use crate::domain::correlation::{self, Several};

/// The most items of one statement: more do not raise the throughput, only the latency.
const MAX_BATCH: usize = 256;
/// The most bytes of one statement: PostgreSQL writes about 15 MB of large values per second, and a statement has a time limit of
/// seconds.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// The most waiting items; further ones are refused at once.
const MAX_WAITING: usize = 8_192;
/// The most KiB of all waiting items together.
const MAX_WAITING_KIB: usize = 256 << 10;
/// How often a statement is tried that conflicts with another one.
const MAX_TRIES: usize = 3;
/// After this many single items in a row were refused, the cause is not one of the items.
const MAX_REFUSED_ALONE: usize = 3;

/// A statement over many items.
pub trait Flush: Send + Sync + 'static {
    /// The request of one caller.
    type Item: Clone + Send + Sync + 'static;
    /// The answer to that caller, after the commit.
    type Outcome: Send + 'static;

    /// The id of the task of the item, for the log lines of the statement.
    fn task_id(item: &Self::Item) -> Uuid;

    /// The bytes that an item adds to the statement, if they vary.
    fn weight(_item: &Self::Item) -> usize {
        0
    }

    /// Executes all items or none, and returns one outcome for each, in order.
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

/// A handle to the writer that flushes for all callers.
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
    /// Starts the writer; it stops when the last handle is dropped.
    pub fn spawn(flush: F) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        tokio::spawn(write(flush, waiting));
        let room = Arc::new(Semaphore::new(MAX_WAITING_KIB));
        Self { queue, room }
    }

    /// Returns the outcome of one item once its statement is committed.
    ///
    /// Waits at most for the statements of the items before it.
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
        match flush_with_retries(&flush, &items)
            .instrument(shared.clone())
            .await
        {
            Ok(outcomes) => answer_all(replies, outcomes),
            Err(
                StoreError::Refused(reason)
                | StoreError::TooSlow(reason)
                | StoreError::Unstorable(reason),
            ) if items.len() > 1 => {
                shared.in_scope(|| {
                    warn!(
                        event = "database.batch_split",
                        reason, "shared statement failed: each item is written alone"
                    );
                });
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

/// Waits for an item if none is left, and takes all further items that wait. Returns false once all handles are dropped.
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

/// Takes the next items up to the size of a statement, at least one.
fn take_batch<F: Flush>(gathered: &mut VecDeque<QueuedItem<F>>) -> PendingBatch<F> {
    let (mut items, mut replies, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut correlation_ids = Vec::new();
    while let Some(entry) = gathered.pop_front() {
        // Skip items whose caller was dropped: the result could not be delivered.
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

/// The log span of a statement: the ids of its tasks and the correlation ids of their requests.
fn span<F: Flush>(items: &[F::Item], correlation_ids: &[Option<Arc<str>>]) -> Span {
    // At the level of errors: the span must exist if only warnings and errors are logged.
    if let ([item], [id]) = (items, correlation_ids) {
        return error_span!("statement", task_id = %F::task_id(item), correlation_id = id.as_deref());
    }
    let task_ids: Vec<Uuid> = items.iter().map(F::task_id).collect();
    let mut ids: Vec<&str> = correlation_ids
        .iter()
        .flatten()
        .map(AsRef::as_ref)
        .collect();
    // The tasks of one request are adjacent.
    ids.dedup();
    error_span!("statement", tasks = items.len(), task_ids = %Several(&task_ids), correlation_ids = %Several(&ids))
}

/// Flushes the items, and again after a conflict with another statement.
async fn flush_with_retries<F: Flush>(
    flush: &F,
    items: &[F::Item],
) -> Result<Vec<F::Outcome>, StoreError> {
    let mut tries = 1;
    loop {
        match flush.flush(items).await {
            Err(StoreError::SerializationConflict(_)) if tries < MAX_TRIES => tries += 1,
            Ok(outcomes) if outcomes.len() != items.len() => {
                let message = format!("{} answers to {} items", outcomes.len(), items.len());
                return Err(StoreError::Refused(message));
            }
            answer => return answer,
        }
    }
}

/// Flushes each item alone, so that one bad item does not fail the others.
///
/// If the first items are all refused, the cause is not one of the items: the others are refused without a statement, because
/// each statement could take the whole time limit.
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
        let answer = flush_with_retries(flush, item).instrument(alone).await;
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
        // A caller that was dropped meanwhile has to read its row.
        let _ = reply.send(Ok(outcome));
    }
}

/// Refuses the waiting items after a statement that did not reach the database: theirs would not either, and was not sent yet.
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
mod tests;
