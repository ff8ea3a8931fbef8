//! The evidence of an attempt's end about the worker's environment.

use tracing::warn;

use super::context::Worker;
use super::held::Held;
use crate::domain::settlement::{Evidence, Settlement};

/// Maximum length of a reason, in characters.
const MAX_REASON: usize = 500;

/// The evidence of an attempt's end, to be counted once the settlement is written.
#[derive(Debug)]
pub struct Trial {
    evidence: Option<Evidence>,
    note: String,
}

impl Trial {
    /// The evidence of this settlement.
    pub fn of(settlement: &Settlement) -> Self {
        Self {
            evidence: settlement.evidence(),
            note: settlement.note(),
        }
    }
}

/// Counts a failure of the worker's environment, or resets the count after a success.
pub async fn note(worker: &Worker, trial: &Trial) {
    match trial.evidence {
        Some(Evidence::Unfit) => blame(worker, &trial.note).await,
        Some(Evidence::Fit) if worker.held.borrow().is_blamed() => absolve(worker).await,
        _ => {}
    }
}

/// Counts a failure of the environment, with this reason.
pub async fn blame(worker: &Worker, reason: &str) {
    let reason: String = reason.chars().take(MAX_REASON).collect();
    let (session, rules) = (worker.session().await, worker.settings.quarantine);
    match worker.store.blame_worker(&session, &reason, rules).await {
        Ok(left) => worker.held.send_modify(|held| held.blame(&reason, left)),
        Err(error) => {
            warn!(
                event = "worker.quarantine_update_failed", worker_id = %session.worker_id, %error,
                "quarantine state could not be written"
            );
        }
    }
}

/// Resets the count: the environment is fit.
pub async fn absolve(worker: &Worker) {
    let session = worker.session().await;
    match worker.store.absolve_worker(&session).await {
        Ok(()) => worker.held.send_modify(Held::absolve),
        Err(error) => {
            warn!(
                event = "worker.quarantine_update_failed", worker_id = %session.worker_id, %error,
                "quarantine state could not be written"
            );
        }
    }
}
