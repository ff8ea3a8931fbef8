//! Claims the next tasks from the table: for the free slots, and ahead of them.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::attempt;
use super::context::Worker;
use super::slots::Room;
use crate::domain::backoff::Backoff;
use crate::domain::task::Assignment;
use crate::store::{ClaimLimit, ClaimedNext, LimitedBy};

/// How long a task may wait when its notification was lost.
const POLL: Duration = Duration::from_secs(1);

/// Claims tasks until the worker drains.
pub async fn run(worker: &Arc<Worker>) {
    // Without a session no claim is possible; that is not a failure.
    let registered = worker.lifecycle_hooks.registered.cancelled();
    worker.draining.run_until_cancelled(registered).await;
    let mut failures = 0;
    while let Some(room) = worker
        .draining
        .run_until_cancelled(worker.slots.room())
        .await
    {
        let not_ready_reason = worker.held.borrow().not_ready_reason();
        if not_ready_reason.is_some() {
            worker.health.set_intake(not_ready_reason);
            worker
                .draining
                .run_until_cancelled(worker.until_let())
                .await;
            continue;
        }
        // A claim in progress is completed: dropping it would leave its tasks owned by a worker
        // that does not know of them.
        match claim(worker, room).await {
            Ok(claimed) => {
                failures = 0;
                let found = claimed.assignments.len();
                start(worker, claimed.assignments);
                let waiting = async {
                    if found == 0 && claimed.has_left_some {
                        // All of them were attempted before, and a task ahead must not be.
                        let _ = tokio::time::timeout(POLL, worker.slots.free_room()).await;
                    } else if found < room.tasks && !claimed.has_left_some {
                        let _ = tokio::time::timeout(POLL, worker.ready.notified()).await;
                    }
                };
                worker.draining.run_until_cancelled(waiting).await;
            }
            Err(reason) => {
                failures += 1;
                pause(worker, &reason, failures).await;
            }
        }
    }
}

async fn claim(worker: &Worker, room: Room) -> Result<ClaimedNext, String> {
    if !worker.health.is_leased() {
        return Err("no lease".to_owned());
    }
    let session = worker.session().await;
    let limit = ClaimLimit {
        tasks: room.tasks,
        tried: room.free_slots,
        bytes: room.bytes,
    };
    let claimed = worker
        .store
        .claim_next(&session, &worker.backends(), limit, LimitedBy::Worker)
        .await;
    let claimed = claimed.map_err(|error| error.to_string())?;
    if worker.health.set_intake(None) {
        info!(
            event = "worker.ready", worker_id = %session.worker_id, session_id = %session.session_id,
            "worker is ready"
        );
    }
    Ok(claimed)
}

fn start(worker: &Arc<Worker>, assignments: Vec<Assignment>) {
    for assignment in assignments {
        let slot_request = worker.slots.request(assignment.text_bytes());
        let worker = worker.clone();
        worker.attempts.clone().spawn(async move {
            attempt::run(&worker, assignment, None, slot_request).await;
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
