//! Quarantine: after several consecutive failures of its environment a worker claims no tasks, until a command heals
//! the environment, an operator resumes the worker, or a probe (one task at a time) succeeds.
//!
//! The registry decides (`store/quarantine.rs`) and every claim respects it; this file is the worker's part.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use super::context::Worker;
use super::held::Held;
use super::hook::{HookOutput, run_hook};
use super::{attempt, trial};
use crate::config::environment::Hook;
use crate::metrics;
use crate::store::{ClaimLimit, ClaimedNext, LimitedBy};

/// The interval between attempts to claim a task for a probe.
const POLL: Duration = Duration::from_secs(1);

/// Handles quarantines until the worker drains.
pub async fn run(worker: &Arc<Worker>) {
    let sitting = async {
        loop {
            // The worker owns the sender, so this wait cannot fail.
            let _ = worker.held.subscribe().wait_for(Held::is_quarantined).await;
            let not_ready_reason = worker.held.borrow().not_ready_reason();
            let worker_id = &worker.settings.name;
            warn!(
                event = "worker.quarantined",
                worker_id,
                reason = not_ready_reason,
                "worker quarantined"
            );
            metrics::quarantined();
            worker.health.set_quarantined(true);
            sit_out(worker).await;
            worker.health.set_quarantined(false);
            info!(
                event = "worker.quarantine_ended",
                worker_id, "quarantine ended"
            );
        }
    };
    worker.draining.run_until_cancelled(sitting).await;
}

async fn sit_out(worker: &Arc<Worker>) {
    let heal = worker.settings.environment.heal.as_ref();
    let mut backoff_over = false;
    while worker.held.borrow().is_quarantined() {
        match heal {
            Some(hook) => heal_environment(worker, hook, backoff_over).await,
            None if backoff_over => probe(worker).await,
            None => {}
        }
        wait_for_backoff(worker).await;
        backoff_over = true;
    }
}

/// Runs the command that heals the environment. A failure after the backoff starts the next backoff.
async fn heal_environment(worker: &Worker, hook: &Hook, backoff_over: bool) {
    let worker_id = &worker.settings.name;
    let environment = worker.environment();
    info!(event = "worker.heal_started", worker_id, timeout = ?hook.timeout, "heal started");
    let ran = run_hook(
        "heal",
        hook,
        &environment,
        HookOutput::Log,
        &worker.draining,
    )
    .await;
    match ran {
        Ok(()) => trial::absolve(worker).await,
        Err(failure) => {
            let reason = failure.in_short();
            warn!(
                event = "worker.heal_failed",
                worker_id, reason, "heal failed"
            );
            if backoff_over {
                trial::blame(worker, &format!("heal failed: {reason}")).await;
            }
        }
    }
    if worker.held.borrow().is_quarantined() {
        // Wait before the next attempt: the registry may be unreachable.
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until the backoff is over, or the quarantine has ended for another reason.
async fn wait_for_backoff(worker: &Worker) {
    let mut held = worker.held.subscribe();
    loop {
        let Some(ends_at) = held.borrow_and_update().backoff_ends_at() else {
            return;
        };
        if ends_at <= Instant::now() {
            // The registry's clock decides, and its times are rounded.
            tokio::time::sleep(Duration::from_millis(5)).await;
            return;
        }
        let _ = tokio::time::timeout_at(ends_at.into(), held.changed()).await;
    }
}

/// Runs one task as soon as one can be claimed, unless the quarantine ends first. If a message names the task, its
/// consumer finds it claimed.
async fn probe(worker: &Arc<Worker>) {
    while worker.held.borrow().is_quarantined() {
        // Tasks from before the quarantine may occupy all slots.
        let Some(slot_request) = worker.slots.acquire().await else {
            return;
        };
        let session = worker.session().await;
        let backends = worker.backends();
        if !worker.health.is_leased() {
            tokio::time::sleep(POLL).await;
            continue;
        }
        let probing = worker.attempts.spawn({
            let worker = worker.clone();
            // In a separate task: a claim in progress is completed even if this wait is dropped.
            async move {
                let claiming = worker
                    .store
                    .claim_next(&session, &backends, ClaimLimit::of_tasks(1), LimitedBy::Worker);
                let claimed = claiming.await.unwrap_or_else(|error| {
                    debug!(event = "worker.probe_delayed", %error, "probe delayed: no task could be claimed");
                    ClaimedNext::default()
                });
                let found = claimed.assignments.into_iter().next();
                let Some(assignment) = found else {
                    return false;
                };
                info!(
                    event = "worker.probe_started", task_id = %assignment.lease.task_id,
                    worker_id = %session.worker_id,
                    "probe started"
                );
                attempt::run(&worker, assignment, None, slot_request).await;
                true
            }
        });
        if probing.await.unwrap_or_default() {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}
