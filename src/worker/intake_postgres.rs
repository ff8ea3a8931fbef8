//! Claims the next tasks from the table, for the free slots.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tracing::{info, warn};

use super::attempt;
use super::context::Worker;
use crate::domain::backoff::Backoff;
use crate::domain::task::Assignment;
use crate::store::LimitedBy;

/// How long a task may wait when its notification was lost.
const POLL: Duration = Duration::from_secs(1);

/// Claims tasks until the worker drains.
pub async fn run(worker: &Arc<Worker>) {
    // Without a session no claim is possible; that is not a failure.
    let registered = worker.lifecycle_hooks.registered.cancelled();
    worker.draining.run_until_cancelled(registered).await;
    let mut failures = 0;
    while let Some(permits) = free_slots(worker).await {
        let not_ready_reason = worker.held.borrow().not_ready_reason();
        if not_ready_reason.is_some() {
            drop(permits);
            worker.health.set_intake(not_ready_reason);
            worker
                .draining
                .run_until_cancelled(worker.until_let())
                .await;
            continue;
        }
        let wanted = permits.len();
        // A claim in progress is completed: dropping it would leave its tasks owned by a worker
        // that does not know of them.
        match claim(worker, wanted).await {
            Ok(assignments) => {
                failures = 0;
                let found = assignments.len();
                start(worker, assignments, permits);
                if found == wanted {
                    continue;
                }
                let woken = tokio::time::timeout(POLL, worker.ready.notified());
                let _ = worker.draining.run_until_cancelled(woken).await;
            }
            Err(reason) => {
                failures += 1;
                drop(permits);
                pause(worker, &reason, failures).await;
            }
        }
    }
}

/// All free slots, at least one; `None` when the worker drains.
async fn free_slots(worker: &Worker) -> Option<Vec<OwnedSemaphorePermit>> {
    let first = worker
        .draining
        .run_until_cancelled(worker.slots.clone().acquire_owned())
        .await?
        .ok()?;
    let more = std::iter::from_fn(|| worker.slots.clone().try_acquire_owned().ok());
    Some(std::iter::once(first).chain(more).collect())
}

async fn claim(worker: &Worker, wanted: usize) -> Result<Vec<Assignment>, String> {
    if !worker.health.is_leased() {
        return Err("no lease".to_owned());
    }
    let session = worker.session().await;
    let claimed = worker
        .store
        .claim_next(&session, &worker.backends(), wanted, LimitedBy::Worker)
        .await;
    let claimed = claimed.map_err(|error| error.to_string())?.assignments;
    if worker.health.set_intake(None) {
        info!(
            event = "worker.ready", worker_id = %session.worker_id, session_id = %session.session_id,
            "worker is ready"
        );
    }
    Ok(claimed)
}

fn start(worker: &Arc<Worker>, assignments: Vec<Assignment>, permits: Vec<OwnedSemaphorePermit>) {
    for (assignment, permit) in assignments.into_iter().zip(permits) {
        let worker = worker.clone();
        worker.attempts.clone().spawn(async move {
            attempt::run(&worker, assignment, None).await;
            drop(permit);
        });
    }
}

async fn pause(worker: &Worker, reason: &str, failures: u32) {
    let delay = Backoff::RECONNECT.delay(failures);
    warn!(
        event = "worker.claim_failed", worker_id = %worker.settings.name, reason, ?delay,
        "tasks could not be claimed: trying again"
    );
    worker.health.set_intake(Some(reason.to_owned()));
    worker
        .draining
        .run_until_cancelled(tokio::time::sleep(delay))
        .await;
}
