//! Writes the log lines, the progress and the output of a running attempt.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use tracing::{debug, warn};

use super::running::StopOrder;
use crate::domain::backoff::Backoff;
use crate::domain::owner::Lease;
use crate::executor::{LogBatch, LogBuffer};
use crate::store::{Appended, Store, StoreError};

/// The pause between two batches, unless one is full: lines that arrive meanwhile share a statement.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the last lines may delay the end of an attempt.
const LAST_LINES: Duration = Duration::from_secs(3);
/// The pause between two writes of an attempt's output, which may be large.
const OUTPUT_PAUSE: Duration = Duration::from_secs(1);

/// Writes the log and the output of one attempt to the database. Dropping one of its futures loses
/// nothing that was taken from the log buffer.
pub struct LogWriter<'a> {
    store: &'a Store,
    lease: &'a Lease,
    log_buffer: LogBuffer,
    /// Batches taken from the log buffer and not written yet, oldest first. Only the first is being written.
    taken: VecDeque<LogBatch>,
    lease_lost: bool,
}

impl<'a> LogWriter<'a> {
    /// A writer for the attempt of this lease.
    pub fn new(store: &'a Store, lease: &'a Lease, log_buffer: LogBuffer) -> Self {
        Self {
            store,
            lease,
            log_buffer,
            taken: VecDeque::new(),
            lease_lost: false,
        }
    }

    /// Writes until the log buffer is closed and empty, or for a limited time after it was closed. While
    /// the database is unreachable, the log buffer drops its oldest lines. Ends when the lease is lost: the log
    /// of that attempt is no longer accepted.
    pub async fn run(&mut self, order: &StopOrder) {
        let log_buffer = self.log_buffer.clone();
        let outputs = write_outputs(self.store, self.lease, &log_buffer);
        let out_of_time = async {
            log_buffer.closed().await;
            tokio::time::sleep(LAST_LINES).await;
        };
        tokio::select! {
            ((), ()) = async { tokio::join!(self.write_all(), outputs) } => {}
            () = order.lost() => {}
            () = out_of_time => {
                warn!(
                    event = "task.logs_unwritten", task_id = %self.lease.task_id,
                    "last log lines not written yet: retried with the outcome"
                );
            }
        }
    }

    /// Tries once more to write what [`run`](Self::run) left unwritten. Call this just before each attempt to
    /// write the settlement: afterwards the database accepts neither lines nor output.
    pub async fn write_rest(&mut self) {
        let _ = tokio::time::timeout(LAST_LINES, async {
            while self.take_next().await && self.write_first().await.is_ok() {}
            if let Some(unwritten) = Unwritten::next(&self.log_buffer).await
                && let Err(error) = unwritten.write(self.store, self.lease).await
            {
                debug!(
                    event = "task.output_delayed", task_id = %self.lease.task_id, %error,
                    "output not written yet: trying again"
                );
            }
        })
        .await;
    }

    async fn write_all(&mut self) {
        let mut failures = 0;
        while self.take_next().await {
            match self.write_first().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    let delay = Backoff::RECONNECT.delay(failures);
                    debug!(
                        event = "task.logs_delayed", task_id = %self.lease.task_id, %error, ?delay,
                        "log lines not written yet: trying again"
                    );
                    tokio::time::sleep(delay).await;
                }
            }
            if self.taken.is_empty() {
                let _ = tokio::time::timeout(PAUSE, self.log_buffer.full()).await;
            }
        }
    }

    /// Waits for a batch to write; false when there will be no more.
    async fn take_next(&mut self) -> bool {
        if self.lease_lost {
            return false;
        }
        if self.taken.is_empty() {
            if !self.log_buffer.filled().await {
                return false;
            }
            self.taken.push_back(self.log_buffer.take());
        }
        true
    }

    /// Writes the first batch. A repeated write is safe: the database recognises lines that it has by their
    /// times. Of a batch that cannot be stored, only the offending line is dropped.
    async fn write_first(&mut self) -> Result<(), StoreError> {
        let Some(batch) = self.taken.front() else {
            return Ok(());
        };
        let (lines, progress) = (batch.lines.clone(), batch.progress.clone());
        match self.store.append_logs(self.lease, lines, progress).await {
            Ok(Appended::Written) => {
                self.taken.pop_front();
            }
            Ok(Appended::LeaseLost) => {
                debug!(event = "task.log_ended", task_id = %self.lease.task_id, "log ended: the lease is lost");
                self.taken.clear();
                self.lease_lost = true;
            }
            Err(StoreError::Unstorable(reason)) => self.split_first(&reason),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Replaces the first batch by its two halves; drops it if it is a single line or progress.
    fn split_first(&mut self, reason: &str) {
        let Some(mut first) = self.taken.pop_front() else {
            return;
        };
        let parts = first.lines.len() + usize::from(first.progress.is_some());
        if parts <= 1 {
            warn!(
                event = "task.log_line_refused", task_id = %self.lease.task_id, reason,
                "log line or progress dropped: the database cannot store it"
            );
            return;
        }
        let progress = first.progress.take();
        // The lines may be storable without the progress.
        let middle = if progress.is_some() {
            first.lines.len()
        } else {
            first.lines.len() / 2
        };
        let lines = first.lines.split_off(middle);
        self.taken.push_front(LogBatch { lines, progress });
        self.taken.push_front(first);
    }
}

/// Writes each new output of the attempt; the last one in any case.
async fn write_outputs(store: &Store, lease: &Lease, log_buffer: &LogBuffer) {
    let mut failures = 0;
    while let Some(unwritten) = Unwritten::next(log_buffer).await {
        match unwritten.write(store, lease).await {
            Ok(Appended::Written) => {
                failures = 0;
                let _ = tokio::time::timeout(OUTPUT_PAUSE, log_buffer.closed()).await;
            }
            Ok(Appended::LeaseLost) => return,
            Err(error) => {
                failures += 1;
                let delay = Backoff::RECONNECT.delay(failures);
                debug!(
                    event = "task.output_delayed", task_id = %lease.task_id, %error, ?delay,
                    "output not written yet: trying again"
                );
                tokio::time::sleep(delay).await;
            }
        }
    }
}

/// Output taken from the log buffer. Dropping this before the output is written returns it.
struct Unwritten<'a> {
    log_buffer: &'a LogBuffer,
    output: Value,
    is_settled: bool,
}

impl<'a> Unwritten<'a> {
    /// Waits for output to write; `None` when there will be no more.
    async fn next(log_buffer: &'a LogBuffer) -> Option<Self> {
        let output = log_buffer.next_output().await?;
        Some(Self {
            log_buffer,
            output,
            is_settled: false,
        })
    }

    /// Writes the output. Output that can never be stored is dropped, and counts as written.
    async fn write(mut self, store: &Store, lease: &Lease) -> Result<Appended, StoreError> {
        let answer = match store.write_output(lease, &self.output).await {
            Err(StoreError::Unstorable(reason)) => {
                warn!(
                    event = "task.output_refused", task_id = %lease.task_id, reason,
                    "output dropped: the database cannot store it"
                );
                Ok(Appended::Written)
            }
            answer => answer,
        };
        self.is_settled = answer.is_ok();
        answer
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.log_buffer.put_back(std::mem::take(&mut self.output));
        }
    }
}
