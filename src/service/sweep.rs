//! The sweep: whatever was lost on the way is found in PostgreSQL and set right.
//!
//! Every process of a deployment runs it; a row in the database gives the turn to one of them at a
//! time.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::config::timing::SweepSettings;
use crate::domain::backoff::Backoff;
use crate::queue::amqp::{OutgoingMessage, Publisher};
use crate::service::dispatcher::Dispatcher;
use crate::store::{Moved, StaleTask, Store, StoreError, Turn};

/// Sweeps until cancelled.
pub async fn run(
    store: Store,
    dispatcher: Dispatcher,
    settings: SweepSettings,
    cancel: CancellationToken,
) {
    let mut failures = 0;
    let mut compared = Instant::now();
    let sweeping = async {
        loop {
            let pause = match sweep_in_turn(&store, &dispatcher, settings, &mut compared).await {
                Ok(()) => {
                    failures = 0;
                    settings.interval
                }
                Err(error) => {
                    failures += 1;
                    warn!(%error, failures, "sweep failed");
                    Backoff::RECONNECT.delay(failures).max(settings.interval)
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    cancel.run_until_cancelled(sweeping).await;
}

async fn sweep_in_turn(
    store: &Store,
    dispatcher: &Dispatcher,
    settings: SweepSettings,
    compared: &mut Instant,
) -> Result<(), StoreError> {
    if store.take_turn(settings.interval).await? == Turn::Taken {
        return Ok(());
    }
    for session in store.end_silent_sessions().await? {
        warn!(worker_id = %session.worker_id, session_id = %session.session_id, "session reaped: no heartbeat within its lease");
    }
    report(
        &store.release_orphans().await?,
        "task released: its worker was lost",
    );
    report(
        &store.fail_overdue().await?,
        "task failed: its worker did not stop it in time",
    );
    if let Dispatcher::Amqp(publisher) = dispatcher
        && publisher.state().is_up()
    {
        let undispatched = store.take_undispatched().await?;
        send(store, publisher, undispatched, "due").await?;
        // It counts all that waits, so it is not done more often than it can find anything new.
        if compared.elapsed() >= settings.republish_after {
            replace_lost_messages(store, publisher, settings.republish_after).await?;
            *compared = Instant::now();
        }
    }
    Ok(())
}

fn report(moved: &[Moved], event: &str) {
    for Moved {
        task_id,
        attempt,
        worker_id,
        status,
    } in moved
    {
        warn!(%task_id, attempt, worker_id, from = "processing", to = %status, "{event}");
    }
}

/// Where more tasks wait than the queue holds messages, some were lost: a purged or deleted queue,
/// a lost disk, a process killed between commit and publish. A message too many is harmless.
async fn replace_lost_messages(
    store: &Store,
    publisher: &Publisher,
    moment: Duration,
) -> Result<(), StoreError> {
    for backlog in store.backlogs(moment).await? {
        let depth = match publisher.queue_depth(&backlog.backend).await {
            Ok(depth) => i64::from(depth.unwrap_or_default()),
            Err(error) => {
                warn!(backend = backlog.backend, %error, "the queue's depth is not known");
                continue;
            }
        };
        let missing = backlog.waiting - depth;
        if missing > 0 {
            let stale = store.take_stale(&backlog.backend, missing, moment).await?;
            send(store, publisher, stale, "its message is missing").await?;
        }
    }
    Ok(())
}

/// Publishes tasks that were marked as dispatched; those that could not be sent are unmarked.
async fn send(
    store: &Store,
    publisher: &Publisher,
    tasks: Vec<StaleTask>,
    reason: &str,
) -> Result<(), StoreError> {
    if tasks.is_empty() {
        return Ok(());
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
    if let Some(Err(error)) = outcomes.iter().find(|outcome| outcome.is_err()) {
        error!(unsent = unsent.len(), %error, "tasks could not be published; the next sweep tries again");
        store.undo_dispatch(&unsent).await?;
    }
    Ok(())
}

fn message(task: StaleTask) -> OutgoingMessage {
    OutgoingMessage {
        task_id: task.task_id,
        backend: task.backend,
        priority: u8::try_from(task.priority).unwrap_or_default(),
        correlation_id: task.correlation_id,
    }
}
