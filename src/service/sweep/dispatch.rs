//! The duties of dispatch and reconciliation: publish waiting tasks that have no message, and replace lost messages.

use std::time::Duration;

use tracing::{info, warn};
use uuid::Uuid;

use super::rounds::{MAX_ROUNDS, is_full};
use crate::config::timing::SweepSettings;
use crate::metrics;
use crate::queue::amqp::{OutgoingMessage, Publisher};
use crate::service::dispatcher::{Dispatcher, publish};
use crate::store::{ClockWatch, Duty, SWEEP_ROWS, StaleTask, Store, StoreError, Turn};
use crate::traces::{Span, SpanKind};

/// Why messages are published, in metrics and in the log.
#[derive(Debug, Clone, Copy)]
struct Reason {
    label: &'static str,
    text: &'static str,
}

const DUE: Reason = Reason {
    label: "due",
    text: "due",
};
const MISSING: Reason = Reason {
    label: "missing",
    text: "its message is missing",
};
const AGED: Reason = Reason {
    label: "aged",
    text: "they have waited for long",
};

pub(super) async fn dispatch(
    store: &Store,
    dispatcher: &Dispatcher,
    settings: SweepSettings,
) -> Result<(), StoreError> {
    let Dispatcher::Amqp(publisher) = dispatcher else {
        return Ok(());
    };
    if !publisher.state().is_up() || !is_mine(store, Duty::Dispatch, settings.interval).await? {
        return Ok(());
    }
    let due = send_due(store, publisher).await;
    // It counts the waiting tasks, so it runs only as often as it can find new ones.
    let min_age = settings.republish_after;
    if is_mine(store, Duty::Reconcile, min_age).await? {
        replace_lost_messages(store, publisher, min_age).await?;
    }
    due
}

/// Publishes waiting tasks that have no message in the background, before the next sweep does.
pub fn publish_due_soon(store: &Store, dispatcher: &Dispatcher) {
    let Dispatcher::Amqp(publisher) = dispatcher else {
        return;
    };
    let (store, publisher) = (store.clone(), publisher.clone());
    tokio::spawn(async move {
        if let Err(error) = send_due(&store, &publisher).await {
            warn!(event = "sweep.publish_delayed", %error, "due tasks not published: left to the sweep");
        }
    });
}

/// Tries to acquire a duty that compares no times.
async fn is_mine(store: &Store, duty: Duty, interval: Duration) -> Result<bool, StoreError> {
    let clock = ClockWatch::default();
    let turn = store.try_acquire_duty(duty, interval, &clock).await?;
    Ok(turn != Turn::DoneByOther)
}

/// Sends waiting tasks that have no message: due retries, and tasks that were never published.
async fn send_due(store: &Store, publisher: &Publisher) -> Result<(), StoreError> {
    for _ in 0..MAX_ROUNDS {
        let due = store.take_undispatched().await?;
        let full = is_full(due.len());
        if !send(store, publisher, due, DUE).await? || !full {
            break;
        }
    }
    Ok(())
}

/// If more tasks wait than the queue holds messages, some messages were lost: a purged or deleted queue, a
/// lost disk, a process killed between commit and publish. A surplus message is harmless.
async fn replace_lost_messages(
    store: &Store,
    publisher: &Publisher,
    min_age: Duration,
) -> Result<(), StoreError> {
    for backend in store.waiting_backends().await? {
        // Read first: a task claimed in between is then missing from the waiting tasks, not from the queue.
        match publisher.queue_depth(&backend).await {
            Ok(depth) => {
                let depth = i64::from(depth.unwrap_or_default());
                replace_missing(store, publisher, &backend, depth, min_age).await?;
            }
            Err(error) => {
                warn!(event = "amqp.queue_depth_unknown", backend, %error, "queue depth could not be read");
            }
        }
        let aged = store.take_aged(&backend).await?;
        send(store, publisher, aged, AGED).await?;
    }
    Ok(())
}

async fn replace_missing(
    store: &Store,
    publisher: &Publisher,
    backend: &str,
    depth: i64,
    min_age: Duration,
) -> Result<(), StoreError> {
    let most = i64::from(SWEEP_ROWS) * i64::try_from(MAX_ROUNDS).unwrap_or(1);
    let mut missing = store.count_stale(backend, min_age, depth + most).await? - depth;
    while missing > 0 {
        let stale = store.take_stale(backend, missing, min_age).await?;
        let taken = i64::try_from(stale.len()).unwrap_or(missing);
        if taken == 0 || !send(store, publisher, stale, MISSING).await? {
            break;
        }
        missing -= taken;
    }
    Ok(())
}

/// Publishes tasks that were marked as dispatched, and unmarks those that could not be sent. False
/// if there were any.
async fn send(
    store: &Store,
    publisher: &Publisher,
    tasks: Vec<StaleTask>,
    reason: Reason,
) -> Result<bool, StoreError> {
    if tasks.is_empty() {
        return Ok(true);
    }
    let task_ids: Vec<Uuid> = tasks.iter().map(|task| task.task_id).collect();
    let mut span = Span::begin(SpanKind::Internal, "sweep dispatch", None);
    span.text("qtask.sweep.reason", reason.label);
    let messages = tasks.into_iter().map(message).collect();
    let outcomes = publish(publisher, messages, span.context()).await;
    let unsent: Vec<Uuid> = task_ids
        .iter()
        .zip(&outcomes)
        .filter_map(|(task_id, outcome)| outcome.is_err().then_some(*task_id))
        .collect();
    let sent = task_ids.len() - unsent.len();
    metrics::messages_republished(reason.label, sent);
    let reason = reason.text;
    let Some(Err(error)) = outcomes.iter().find(|outcome| outcome.is_err()) else {
        info!(
            event = "sweep.published",
            sent, reason, "tasks published by the sweep"
        );
        return Ok(true);
    };
    warn!(
        event = "sweep.publish_failed", sent, unsent = unsent.len(), reason, %error,
        "tasks not published: the next sweep tries again"
    );
    store.undo_dispatch(&unsent).await?;
    Ok(false)
}

fn message(task: StaleTask) -> OutgoingMessage {
    OutgoingMessage {
        task_id: task.task_id,
        backend: task.backend,
        priority: u8::try_from(task.priority).unwrap_or_default(),
        correlation_id: task.correlation_id,
        trace: None,
    }
}
