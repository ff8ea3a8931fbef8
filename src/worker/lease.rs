//! The lease: one heartbeat renews the lease of every attempt that the session runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::context::Worker;
use super::running::StopReason;
use crate::domain::owner::{Lease, Session};
use crate::domain::settlement::Settlement;
use crate::metrics;
use crate::store::{Heartbeat, HeartbeatReport};

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// The worker has stopped and no longer needs the session.
    Over,
    /// The lease expired without a heartbeat.
    Ended,
    /// The worker's name belongs to a newer session.
    Replaced,
}

/// Attempts that the session owns in the database but the worker does not run, with the time when
/// a heartbeat first reported them.
type Unnamed = HashMap<(Uuid, i32), Instant>;

/// Renews the lease, which is trusted from `since` on, until the session ends.
///
/// If no renewal succeeds while the lease is trusted, all running attempts are stopped, because other
/// workers may soon own their tasks. The session is kept: if the database was unreachable for all
/// processes, the session is still alive afterwards.
pub async fn keep(
    worker: &Worker,
    session: &Session,
    since: Instant,
    over: &CancellationToken,
) -> SessionEnd {
    let times = worker.settings.lease;
    let mut renewed = since;
    let mut unnamed = Unnamed::new();
    loop {
        let sent = Instant::now();
        match over
            .run_until_cancelled(beat(worker, session, renewed))
            .await
        {
            None => return SessionEnd::Over,
            Some(Ok(Heartbeat::Renewed {
                lost,
                unnamed: now_unnamed,
                cancelled,
                draining,
                quarantine,
            })) => {
                if !worker.health.is_leased() {
                    info!(
                        event = "worker.lease_renewed", worker_id = %session.worker_id,
                        session_id = %session.session_id,
                        "lease renewed after failed heartbeats"
                    );
                }
                renewed = sent;
                worker.health.set_refused(None);
                worker.health.set_lease(true);
                worker.running.stop(&lost, StopReason::LeaseLost);
                worker.running.stop(&cancelled, StopReason::Cancelled);
                worker
                    .held
                    .send_if_modified(|held| held.note_heartbeat(sent, draining, quarantine));
                unnamed = hand_back_unknown(worker, session, &unnamed, now_unnamed);
            }
            Some(Ok(Heartbeat::Ended | Heartbeat::Unknown)) => return SessionEnd::Ended,
            // An earlier session of this process: its registration was executed late, after it was abandoned here.
            Some(Ok(Heartbeat::ReplacedBy(other))) if worker.begun().contains(&other) => {
                return SessionEnd::Ended;
            }
            Some(Ok(Heartbeat::ReplacedBy(_))) => return SessionEnd::Replaced,
            Some(Err(reason)) => {
                metrics::heartbeat_failed();
                worker.health.set_refused(worker.database_problem());
                warn!(event = "worker.heartbeat_failed", worker_id = %session.worker_id, reason, "heartbeat failed");
            }
        }
        if renewed.elapsed() >= times.trusted() && worker.health.is_leased() {
            let running = worker.running.count();
            error!(
                event = "worker.lease_lost", worker_id = %session.worker_id,
                session_id = %session.session_id, running,
                "lease lost: heartbeats were not accepted"
            );
            metrics::lease_lost();
            worker.health.set_lease(false);
            worker.running.stop_all(StopReason::LeaseInDoubt);
        }
        // Sooner than usual after a failure, but without a busy loop.
        let pause = if sent == renewed {
            times.heartbeat
        } else {
            times.heartbeat / 5
        };
        if over
            .run_until_cancelled(tokio::time::sleep(pause.saturating_sub(sent.elapsed())))
            .await
            .is_none()
        {
            return SessionEnd::Over;
        }
    }
}

/// Sends one heartbeat, with a timeout of half the time for which the lease is still trusted: if a
/// connection hangs, the other half is left for a new one.
async fn beat(worker: &Worker, session: &Session, renewed: Instant) -> Result<Heartbeat, String> {
    let beat = HeartbeatReport {
        running: worker.running.task_ids(),
        counts: Some(worker.health.counts()),
        // A heartbeat that arrives renews the lease, so its absence is not reported as the reason; the
        // intake starts or continues right after it.
        not_ready_reason: worker.health.not_ready_reason().filter(|not_ready_reason| {
            worker.health.is_leased()
                && !["no lease", "starting"].contains(&not_ready_reason.as_str())
        }),
    };
    let times = worker.settings.lease;
    let left = times.trusted().saturating_sub(renewed.elapsed());
    let limit = if left.is_zero() {
        times.heartbeat
    } else {
        (left / 2).max(times.heartbeat / 5)
    };
    let heartbeat = worker.store.heartbeat(session, &beat, limit);
    heartbeat.await.map_err(|error| error.to_string())
}

/// Releases attempts that the session owns unknowingly, because the answer to their claim was lost. An
/// attempt is kept for as long as that answer may still arrive.
fn hand_back_unknown(
    worker: &Worker,
    session: &Session,
    seen: &Unnamed,
    now: Vec<(Uuid, i32)>,
) -> Unnamed {
    let first_seen = |attempt| seen.get(&attempt).copied().unwrap_or_else(Instant::now);
    let now: Unnamed = now
        .into_iter()
        .map(|attempt| (attempt, first_seen(attempt)))
        .collect();
    for (&(task_id, attempt), since) in &now {
        if since.elapsed() < worker.settings.claim_limit || worker.running.contains(task_id) {
            continue;
        }
        warn!(event = "task.attempt_unknown", %task_id, attempt, "attempt unknown to the worker: handing it back");
        let lease = Lease {
            task_id,
            attempt,
            session: session.clone(),
        };
        let release = Settlement::release(lease, "the answer to the claim was lost");
        let store = worker.store.clone();
        tokio::spawn(async move {
            // If this fails, the next heartbeat reports the attempt again.
            let _ = store.settle(Arc::new(release)).await;
        });
    }
    now
}
