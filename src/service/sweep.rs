//! The sweep: whatever was lost on the way is found in PostgreSQL and set right.
//!
//! Every process of a deployment runs it; a row in the database gives the turn to one of them at a
//! time. Reaping goes on by itself: a broker that answers slowly must not keep a dead worker's tasks.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::orphans;
use super::rounds::{MAX_ROUNDS, is_full, run_until_drained};
use crate::config::timing::SweepSettings;
use crate::domain::backoff::Backoff;
use crate::queue::amqp::{OutgoingMessage, Publisher};
use crate::service::dispatcher::Dispatcher;
use crate::store::{ClockWatch, Duty, SWEEP_ROWS, StaleTask, Store, StoreError, Turn};

/// Sweeps until cancelled.
pub async fn run(
    store: Store,
    dispatcher: Dispatcher,
    settings: SweepSettings,
    cancel: CancellationToken,
) {
    let clock = ClockWatch::default();
    let reaping = repeat(settings.interval, || reap(&store, settings, &clock));
    let dispatching = repeat(settings.interval, || {
        dispatch(&store, &dispatcher, settings)
    });
    let sweeping = async { tokio::join!(reaping, dispatching) };
    Box::pin(cancel.run_until_cancelled(sweeping)).await;
}

async fn repeat<F>(interval: Duration, mut sweep: impl FnMut() -> F)
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut failures = 0;
    loop {
        let pause = match sweep().await {
            Ok(()) => {
                failures = 0;
                interval
            }
            Err(error) => {
                failures += 1;
                warn!(%error, failures, "sweep failed");
                Backoff::RECONNECT.delay(failures).max(interval)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Each step stands for itself: one that fails does not keep the others from their work.
async fn reap(
    store: &Store,
    settings: SweepSettings,
    clock: &ClockWatch,
) -> Result<(), StoreError> {
    let turn = store.try_acquire_duty(Duty::Reap, settings.interval, clock);
    let Turn::Mine { set_back } = turn.await? else {
        return Ok(());
    };
    let brought = if set_back {
        bring_forward(store).await
    } else {
        Ok(())
    };
    let ended = end_silent_sessions(store).await;
    let released = orphans::release(store).await;
    let failed = run_until_drained("task failed: its worker did not stop it in time", || {
        store.fail_overdue()
    })
    .await;
    let fenced = run_until_drained("task cancelled: its worker did not answer", || {
        store.fence_cancelled(settings.cancel_grace)
    })
    .await;
    let frozen = end_frozen_backends(store).await;
    let forgotten = delete_in_batches(|| store.delete_expired_keys())
        .await
        .and(delete_in_batches(|| store.delete_expired_webhooks()).await)
        .and(forget_workers(store).await);
    brought
        .and(ended)
        .and(released)
        .and(failed)
        .and(fenced)
        .and(frozen)
        .and(forgotten)
}

/// Ends the waits for times from before the clock was set back. A turn that finds none is the last to look.
async fn bring_forward(store: &Store) -> Result<(), StoreError> {
    let (mut tasks, mut webhooks) = (0, 0);
    for _ in 0..MAX_ROUNDS {
        let moved = store.bring_tasks_forward().await?;
        tasks += moved;
        if !is_full(moved) {
            break;
        }
    }
    for _ in 0..MAX_ROUNDS {
        let moved = store.bring_webhooks_forward().await?;
        webhooks += moved;
        if !is_full(moved) {
            break;
        }
    }
    if tasks + webhooks == 0 {
        return store.forget_set_back().await;
    }
    warn!(
        tasks,
        webhooks, "the clock was set back: what waited for a time to come is due now"
    );
    Ok(())
}

/// Deletes what nobody asks for any more, some rows at a time.
async fn delete_in_batches<F>(mut forget: impl FnMut() -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<usize, StoreError>>,
{
    for _ in 0..MAX_ROUNDS {
        if !is_full(forget().await?) {
            break;
        }
    }
    Ok(())
}

async fn end_silent_sessions(store: &Store) -> Result<(), StoreError> {
    for session in store.end_silent_sessions().await? {
        warn!(worker_id = %session.worker_id, session_id = %session.session_id,
              "session reaped: no heartbeat within its lease");
    }
    Ok(())
}

async fn end_frozen_backends(store: &Store) -> Result<(), StoreError> {
    for backend in store.end_frozen_backends().await? {
        warn!(
            pid = backend.pid,
            waited_for = backend.waited_for,
            statement = backend.statement,
            "database connection ended: its process stands still"
        );
    }
    Ok(())
}

async fn forget_workers(store: &Store) -> Result<(), StoreError> {
    for session in store.forget_workers().await? {
        info!(worker_id = %session.worker_id, session_id = %session.session_id, "worker forgotten: it ended long ago");
    }
    Ok(())
}

async fn dispatch(
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
    // It counts what waits, so it is not done more often than it can find anything new.
    let min_age = settings.republish_after;
    if is_mine(store, Duty::Reconcile, min_age).await? {
        replace_lost_messages(store, publisher, min_age).await?;
    }
    due
}

/// Takes the turn at a duty that compares no times.
async fn is_mine(store: &Store, duty: Duty, interval: Duration) -> Result<bool, StoreError> {
    let clock = ClockWatch::default();
    let turn = store.try_acquire_duty(duty, interval, &clock).await?;
    Ok(turn != Turn::Taken)
}

/// Sends what waits without a message: retries that are due, and what was never published.
async fn send_due(store: &Store, publisher: &Publisher) -> Result<(), StoreError> {
    for _ in 0..MAX_ROUNDS {
        let due = store.take_undispatched().await?;
        let full = is_full(due.len());
        if !send(store, publisher, due, "due").await? || !full {
            break;
        }
    }
    Ok(())
}

/// Where more tasks wait than the queue holds messages, some were lost: a purged or deleted queue, a
/// lost disk, a process killed between commit and publish. A message too many is harmless.
async fn replace_lost_messages(
    store: &Store,
    publisher: &Publisher,
    min_age: Duration,
) -> Result<(), StoreError> {
    for backend in store.waiting_backends().await? {
        // Asked first: what is claimed in between is then missing from the waiting, not from the queue.
        match publisher.queue_depth(&backend).await {
            Ok(depth) => {
                let depth = i64::from(depth.unwrap_or_default());
                replace_missing(store, publisher, &backend, depth, min_age).await?;
            }
            Err(error) => warn!(backend, %error, "the queue's depth is not known"),
        }
        let aged = store.take_aged(&backend).await?;
        send(store, publisher, aged, "they have waited for long").await?;
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
        if taken == 0 || !send(store, publisher, stale, "its message is missing").await? {
            break;
        }
        missing -= taken;
    }
    Ok(())
}

/// Publishes tasks that were marked as dispatched; those that could not be sent are unmarked. False
/// where there were any of those.
async fn send(
    store: &Store,
    publisher: &Publisher,
    tasks: Vec<StaleTask>,
    reason: &str,
) -> Result<bool, StoreError> {
    if tasks.is_empty() {
        return Ok(true);
    }
    let task_ids: Vec<Uuid> = tasks.iter().map(|task| task.task_id).collect();
    let outcomes = publisher
        .publish(tasks.into_iter().map(message).collect())
        .await;
    let unsent: Vec<Uuid> = task_ids
        .iter()
        .zip(&outcomes)
        .filter_map(|(task_id, outcome)| outcome.is_err().then_some(*task_id))
        .collect();
    info!(
        sent = task_ids.len() - unsent.len(),
        unsent = unsent.len(),
        reason,
        "tasks published by the sweep"
    );
    let Some(Err(error)) = outcomes.iter().find(|outcome| outcome.is_err()) else {
        return Ok(true);
    };
    error!(unsent = unsent.len(), %error, "tasks could not be published; the next sweep tries again");
    store.undo_dispatch(&unsent).await?;
    Ok(false)
}

fn message(task: StaleTask) -> OutgoingMessage {
    OutgoingMessage {
        task_id: task.task_id,
        backend: task.backend,
        priority: u8::try_from(task.priority).unwrap_or_default(),
        correlation_id: task.correlation_id,
    }
}
