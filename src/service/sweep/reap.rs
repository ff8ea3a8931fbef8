//! The duty of reaping: ends sessions whose lease has expired, releases orphans, ends attempts that were not stopped in
//! time, and deletes expired rows.

use std::future::Future;

use tracing::{Span, error_span, info, warn};

use super::rounds::{MAX_ROUNDS, is_full};
use crate::config::timing::SweepSettings;
use crate::store::{ClockWatch, Duty, Store, StoreError, Transition, Turn};
use crate::traces::{Span as TraceSpan, SpanKind};

/// The steps are independent: the failure of one does not prevent the others.
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
    let failed = run_until_drained(
        || store.fail_overdue(),
        || {
            warn!(
                event = "task.timed_out",
                "task failed: its worker did not stop it in time"
            );
        },
    )
    .await;
    let fenced = run_until_drained(
        || store.fence_cancelled(settings.cancel_grace),
        || {
            warn!(
                event = "task.cancel_forced",
                "task cancelled: its worker did not answer"
            );
        },
    )
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

/// Makes tasks and webhooks due whose time was set before the clock was set back. Stops after a turn that finds none.
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
        event = "sweep.brought_forward",
        tasks, webhooks, "waits ended: the database clock was set back"
    );
    Ok(())
}

/// Deletes expired rows in batches.
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
        warn!(
            event = "worker.session_expired", worker_id = %session.worker_id, session_id = %session.session_id,
            "session expired: no heartbeat within its lease"
        );
    }
    Ok(())
}

async fn end_frozen_backends(store: &Store) -> Result<(), StoreError> {
    for backend in store.end_frozen_backends().await? {
        warn!(
            event = "database.connection_terminated",
            pid = backend.pid,
            waited_for = backend.waited_for,
            statement = backend.statement,
            "database connection terminated: its process is suspended"
        );
    }
    Ok(())
}

async fn delete_ended_workers(store: &Store) -> Result<(), StoreError> {
    for session in store.delete_ended_workers().await? {
        info!(
            event = "worker.deleted", worker_id = %session.worker_id, session_id = %session.session_id,
            "worker deleted: its session ended long ago"
        );
    }
    Ok(())
}

/// Repeats a statement that changes a limited number of tasks, until it changes fewer. `log` logs one transition; its
/// fields come from a span around it.
async fn run_until_drained<F>(
    mut statement: impl FnMut() -> F,
    log: impl Fn(),
) -> Result<(), StoreError>
where
    F: Future<Output = Result<Vec<Transition>, StoreError>>,
{
    for _ in 0..MAX_ROUNDS {
        let moved = statement().await?;
        for transition in &moved {
            record(transition);
            span(transition).in_scope(&log);
        }
        if !is_full(moved.len()) {
            break;
        }
    }
    Ok(())
}

/// A span in the trace of the task: the worker that lost the attempt may never export its own.
fn record(transition: &Transition) {
    let trace = transition.trace();
    let mut span = TraceSpan::begin(SpanKind::Internal, "sweep attempt", trace.as_ref());
    span.text("qtask.task.id", transition.task_id);
    span.number("qtask.attempt", transition.attempt);
    span.text("qtask.backend", &transition.backend);
    span.text("qtask.worker.id", &transition.worker_id);
    span.text("qtask.outcome", &transition.status);
    span.fail("attempt_not_ended", "ended by the sweep, not by its worker");
}

fn span(transition: &Transition) -> Span {
    let Transition {
        task_id,
        attempt,
        worker_id,
        status,
        correlation_id,
        ..
    } = transition;
    // An error-level span: its fields must be logged where only warnings and errors are.
    error_span!("transition", %task_id, correlation_id, attempt, worker_id, from = "processing", to = %status)
}

/// Releases every running task whose session has ended or was replaced.
async fn release_orphans(store: &Store) -> Result<(), StoreError> {
    run_until_drained(
        || store.release_orphans(),
        || {
            warn!(
                event = "task.worker_lost",
                "task released: its worker was lost"
            );
        },
    )
    .await
}

/// Starts a release of orphans in the background, for a session that has just followed another one. If this fails, the
/// next sweep releases them.
pub fn release_orphans_soon(store: &Store) {
    let store = store.clone();
    tokio::spawn(async move {
        if let Err(error) = release_orphans(&store).await {
            warn!(event = "sweep.release_delayed", %error, "orphaned tasks not released: left to the sweep");
        }
    });
}
