//! Writes what an attempt says while it runs.

use std::time::Duration;

use tracing::{debug, warn};

use super::running::StopOrder;
use crate::domain::backoff::Backoff;
use crate::domain::owner::Lease;
use crate::executor::{Batch, Journal};
use crate::store::{Appended, Store, StoreError};

/// Between two batches, unless one is full: what comes meanwhile shares a statement.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the last lines may hold up the end of an attempt.
const LAST_LINES: Duration = Duration::from_secs(3);
/// Between two writes of an attempt's output, which may be large.
const OUTPUT_PAUSE: Duration = Duration::from_secs(1);
/// How often a batch must be refused before it is given up: it may be what cannot be stored.
const REFUSALS: u32 = 3;

/// Writes until the journal is closed and empty; for as long as the database is away, the journal
/// drops its oldest lines. What a lost task says is of no use to anyone.
pub async fn write(store: &Store, lease: &Lease, journal: &Journal, order: &StopOrder) {
    let out_of_time = async {
        journal.closed().await;
        tokio::time::sleep(LAST_LINES).await;
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(write_all(store, lease, journal), write_outputs(store, lease, journal)) } => {}
        () = order.lost() => {}
        () = out_of_time => {
            warn!(task_id = %lease.task_id, "the last log lines could not be written in time");
        }
    }
}

async fn write_all(store: &Store, lease: &Lease, journal: &Journal) {
    while journal.filled().await {
        if write_batch(store, lease, journal.take()).await == Appended::LeaseLost {
            debug!(task_id = %lease.task_id, "the lease is lost: its log ends here");
            return;
        }
        let _ = tokio::time::timeout(PAUSE, journal.full()).await;
    }
}

/// Writes what the attempt has produced so far, and again when there is more; the last word in any case.
async fn write_outputs(store: &Store, lease: &Lease, journal: &Journal) {
    let mut failures = 0;
    while let Some(output) = journal.next_output().await {
        match store.write_output(lease, &output).await {
            Ok(Appended::Written) => {
                failures = 0;
                let _ = tokio::time::timeout(OUTPUT_PAUSE, journal.closed()).await;
            }
            Ok(Appended::LeaseLost) => return,
            Err(StoreError::Refused(reason)) if failures >= REFUSALS => {
                warn!(event = "task.output_refused", task_id = %lease.task_id, reason, "output cannot be stored; dropping it");
                failures = 0;
            }
            Err(error) => {
                failures += 1;
                let delay = Backoff::RECONNECT.delay(failures);
                debug!(event = "task.output_delayed", task_id = %lease.task_id, %error, ?delay, "output is not written yet; trying again");
                journal.put_back(output);
                tokio::time::sleep(delay).await;
            }
        }
    }
}

/// Writes one batch, again and again while the database is away: its lines carry their times, by
/// which the database knows those that it has.
async fn write_batch(store: &Store, lease: &Lease, batch: Batch) -> Appended {
    let mut failures = 0;
    loop {
        let (lines, progress) = (batch.lines.clone(), batch.progress.clone());
        match store.append_logs(lease, lines, progress).await {
            Ok(appended) => return appended,
            Err(StoreError::Refused(reason)) if failures >= REFUSALS => {
                let lines = batch.lines.len();
                warn!(task_id = %lease.task_id, reason, lines, "log lines cannot be stored; dropping them");
                return Appended::Written;
            }
            Err(error) => {
                failures += 1;
                let delay = Backoff::RECONNECT.delay(failures);
                debug!(task_id = %lease.task_id, %error, ?delay, "log lines are not written yet; trying again");
                tokio::time::sleep(delay).await;
            }
        }
    }
}
