//! Receives PostgreSQL's notifications for a worker: tasks to stop, tasks to claim, and backends that were resumed.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::info;

use super::context::{TaskSource, Worker};
use super::running::StopReason;
use crate::store::{CANCELS, Notification, READY, RESUMED, listen};

/// Listens until cancelled. The next heartbeat and the next poll find what a lost notification announced.
pub fn start(worker: &Arc<Worker>, over: CancellationToken) {
    let channels: &'static [&'static str] = match worker.settings.source {
        TaskSource::Amqp(_) => &[CANCELS, RESUMED],
        TaskSource::Postgres => &[CANCELS, READY],
    };
    let (worker, backends) = (worker.clone(), worker.backends());
    let database = worker.settings.database.clone();
    listen(database, channels, over, move |heard| match heard {
        Notification::Connected => worker.ready.notify_one(),
        Notification::Notified { channel, payload } if channel == READY => {
            if backends.iter().any(|backend| backend == payload) {
                worker.ready.notify_one();
            }
        }
        Notification::Notified { channel, payload } if channel == RESUMED => {
            worker.paused.remove(payload);
        }
        Notification::Notified { payload, .. } => {
            let Ok(task_id) = payload.parse() else {
                return;
            };
            if worker.running.contains(task_id) {
                info!(event = "task.cancel_received", %task_id, "cancel received: stopping the attempt");
                worker.running.stop(&[task_id], StopReason::Cancelled);
            }
        }
    });
}
