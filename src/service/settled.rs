//! Logs settlements, both those of `qtask work` and those that arrive over HTTP.

use tracing::{info, warn};

use crate::domain::settlement::Settlement;
use crate::domain::status::Status;

/// Logs the transition to `to` that this settlement has made.
pub fn log_settled(settlement: &Settlement, to: Status) {
    let lease = &settlement.lease;
    let (task_id, attempt, worker_id) = (lease.task_id, lease.attempt, &lease.session.worker_id);
    let (from, note) = (Status::Processing, settlement.note());
    match to {
        Status::Completed => {
            info!(event = "task.completed", %task_id, attempt, %worker_id, %from, %to, note, "task completed");
        }
        Status::Failed => {
            warn!(event = "task.failed", %task_id, attempt, %worker_id, %from, %to, note, "task failed");
        }
        Status::Cancelled => {
            info!(event = "task.cancelled", %task_id, attempt, %worker_id, %from, %to, note, "task cancelled");
        }
        _ if settlement.is_release() => {
            info!(event = "task.handed_back", %task_id, attempt, %worker_id, %from, %to, note, "task handed back");
        }
        _ => {
            warn!(
                event = "task.attempt_failed", %task_id, attempt, %worker_id, %from, %to, note,
                "attempt failed: the task is retried"
            );
        }
    }
}
