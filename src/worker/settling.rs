//! Writes the end of an attempt to the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::context::Worker;
use super::log_writer::LogWriter;
use crate::domain::backoff::Backoff;
use crate::domain::settlement::{ErrorCode, Failure, Settlement};
use crate::domain::status::Status;
use crate::metrics::UnwrittenOutcome;
use crate::service::settled::log_settled;
use crate::store::{Settled, StoreError};

/// How long an outcome may be refused, while heartbeats are written, before the task fails instead:
/// a refusal that affects nothing else must not keep the task in `processing` without end.
const REFUSED_FOR: Duration = Duration::from_hours(1);
/// Prefix of that failure's message. The outcome itself is not repeated: it may be the part that cannot be stored.
const UNSTORABLE: &str = "the outcome of the attempt could not be stored in the database";
/// Maximum length of the database's reason in that message, in characters.
const MAX_REASON: usize = 300;

/// Whether the end of an attempt is in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is, or the worker no longer owns the task.
    Yes,
    /// The worker shut down while the database was unreachable.
    Abandoned,
}

/// Writes the end of an attempt, with retries while the database is unreachable or refuses all writes; each
/// retry first writes the rest of the log. The fence makes the retries safe: only the owner's
/// settlement changes the row.
///
/// Only a refusal of the outcome's own values is final: the task then fails with that reason.
pub async fn write(worker: &Worker, settlement: Settlement, log: &mut LogWriter<'_>) -> Written {
    let _unwritten = UnwrittenOutcome::begin();
    let mut settlement = Arc::new(settlement);
    let mut replaceable = !settlement.is_release();
    let (mut failures, mut refused_since) = (0, None);
    loop {
        let error = match worker.store.settle(settlement.clone()).await {
            Ok(settled) => {
                report(worker, &settlement, settled);
                return Written::Yes;
            }
            Err(error) => error,
        };
        if replaceable && is_final(worker, &error, &mut refused_since) {
            error!(
                event = "task.outcome_refused", task_id = %settlement.lease.task_id, %error,
                "outcome cannot be stored: the task fails"
            );
            settlement = Arc::new(unstorable(&settlement, &error));
            replaceable = false;
            continue;
        }
        failures += 1;
        let delay = Backoff::RECONNECT.delay(failures);
        warn!(
            event = "task.outcome_delayed", task_id = %settlement.lease.task_id, %error, ?delay,
            "outcome not written yet: trying again"
        );
        let pause = async {
            tokio::time::sleep(delay).await;
            log.write_rest().await;
        };
        if worker.abandon.run_until_cancelled(pause).await.is_none() {
            error!(event = "task.outcome_abandoned", task_id = %settlement.lease.task_id,
                   attempt = settlement.lease.attempt,
                   "outcome abandoned: the task is retried when the lease has expired");
            return Written::Abandoned;
        }
    }
}

/// Whether the outcome will never be stored. `refused_since` is when the database began to refuse this
/// statement while it accepted others.
fn is_final(worker: &Worker, error: &StoreError, refused_since: &mut Option<Instant>) -> bool {
    match error {
        StoreError::Unstorable(_) => true,
        StoreError::Refused(_) | StoreError::TooSlow(_) if worker.health.is_leased() => {
            refused_since.get_or_insert_with(Instant::now).elapsed() >= REFUSED_FOR
        }
        _ => {
            *refused_since = None;
            false
        }
    }
}

fn unstorable(settlement: &Settlement, error: &StoreError) -> Settlement {
    let reason: String = error.to_string().chars().take(MAX_REASON).collect();
    let failure = Failure::permanent(ErrorCode::ExecutionError, format!("{UNSTORABLE}: {reason}"));
    Settlement::fail(settlement.lease.clone(), failure, Duration::ZERO)
}

fn report(worker: &Worker, settlement: &Settlement, settled: Settled) {
    let (task_id, attempt) = (settlement.lease.task_id, settlement.lease.attempt);
    let (Settled::Transitioned(to) | Settled::Already(to)) = settled else {
        warn!(event = "task.lease_lost", %task_id, attempt, "lease lost: the worker does not own the attempt");
        return;
    };
    match to {
        Status::Completed => worker.health.count_completed(),
        Status::Failed => worker.health.count_failed(),
        _ => {}
    }
    log_settled(settlement, to);
}
