//! The duty of reaping: ends silent sessions, frees tasks of lost workers, ends what was not stopped in time, and deletes
//! what has expired.

use std::future::Future;

use tracing::{info, warn};

use super::rounds::{MAX_ROUNDS, is_full};
use crate::config::timing::SweepSettings;
use crate::store::{ClockWatch, Duty, Store, StoreError, Transition, Turn};

/// Each step stands for itself: one that fails does not keep the others from their work.
pub(super) async fn reap(
    store: &Store,
    settings: SweepSettings,
    clock: &ClockWatch,
) -> Result<(), StoreError> {
    let turn = store.try_acquire_duty(Duty::Reap, settings.interval, clock);
    let Turn::Acquired { set_back } = turn.await? else {
        return Ok(());
    };
    let brought = if set_back {
        bring_forward(store).await
    } else {
        Ok(())
    };
    let ended = end_silent_sessions(store).await;
    let released = release_orphans(store).await;
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
        .and(delete_ended_workers(store).await);
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
        let moved = store.make_future_tasks_due().await?;
        tasks += moved;
        if !is_full(moved) {
            break;
        }
    }
    for _ in 0..MAX_ROUNDS {
        let moved = store.make_future_webhooks_due().await?;
        webhooks += moved;
        if !is_full(moved) {
            break;
        }
    }
    if tasks + webhooks == 0 {
        return store.clear_clock_step().await;
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

async fn delete_ended_workers(store: &Store) -> Result<(), StoreError> {
    for session in store.delete_ended_workers().await? {
        info!(worker_id = %session.worker_id, session_id = %session.session_id, "worker forgotten: it ended long ago");
    }
    Ok(())
}

/// Repeats a statement that moves a limited number of tasks, until it moves fewer.
async fn run_until_drained<F>(
    event: &str,
    mut statement: impl FnMut() -> F,
) -> Result<(), StoreError>
where
    F: Future<Output = Result<Vec<Transition>, StoreError>>,
{
    for _ in 0..MAX_ROUNDS {
        let moved = statement().await?;
        for Transition {
            task_id,
            attempt,
            worker_id,
            status,
            correlation_id,
            ..
        } in &moved
        {
            warn!(%task_id, correlation_id, attempt, worker_id, from = "processing", to = %status, "{event}");
        }
        if !is_full(moved.len()) {
            break;
        }
    }
    Ok(())
}

/// Releases every running task whose session has ended or was replaced.
async fn release_orphans(store: &Store) -> Result<(), StoreError> {
    run_until_drained("task released: its worker was lost", || {
        store.release_orphans()
    })
    .await
}

/// Releases orphans without waiting for it, for a session that has just followed another one. Where this fails, the next
/// sweep releases them.
pub fn release_orphans_soon(store: &Store) {
    let store = store.clone();
    tokio::spawn(async move {
        if let Err(error) = release_orphans(&store).await {
            warn!(%error, "an older session's tasks are left to the sweep");
        }
    });
}
