//! The duty of retention: deletes tasks that ended longer ago than `QTASK_RETENTION`.
//!
//! A pass reads the terminal tasks once, in small statements with pauses between them: a first pass over a million tasks
//! takes minutes, and claims and submissions go on beside it.

use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use crate::domain::backoff::Backoff;
use crate::domain::pruning::{BatchSize, PruneFilter, PrunePosition};
use crate::service::prune::{self, PruneMode, Pruned};
use crate::store::{ClockWatch, Duty, Store, StoreError, Turn};

/// The time between two passes, over all processes, in intervals of the sweep: 30 s by default.
const INTERVALS_BETWEEN_PASSES: u32 = 30;
/// The pause after a statement, as a multiple of its duration: one connection is busy for a third of the time, and deletes as
/// many tasks as the largest measured load ends. On a busy database the statements, and therefore the pauses, are longer.
const PAUSE_FACTOR: u32 = 2;
/// The minimum pause after a statement.
const MIN_PAUSE: Duration = Duration::from_millis(20);

/// Reports at start for how long tasks are kept.
pub fn announce(retention: Option<Duration>) {
    if let Some(retention) = retention {
        info!(
            event = "retention.enabled",
            retention_seconds = retention.as_secs(),
            "tasks are deleted when their retention has passed"
        );
    } else {
        info!(
            event = "retention.disabled",
            "tasks are kept until they are pruned: QTASK_RETENTION is not set"
        );
    }
}

/// Deletes expired tasks, pass after pass. Never returns.
pub(super) async fn retain(store: &Store, retention: Duration, sweep_interval: Duration) {
    let mut pass = RetentionPass::new(retention, sweep_interval * INTERVALS_BETWEEN_PASSES);
    let mut failures = 0;
    loop {
        let pause = match pass.step(store).await {
            Ok(pause) => {
                failures = 0;
                pause
            }
            Err(error) => {
                failures += 1;
                // A statement that was too slow changed nothing, and a smaller one may succeed.
                pass.size.halve();
                warn!(event = "retention.failed", %error, failures, "expired tasks not deleted: the next try deletes them");
                Backoff::RECONNECT.delay(failures)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// The pass of this process.
struct RetentionPass {
    filter: PruneFilter,
    /// Where it continues; `None` before its first statement.
    position: Option<PrunePosition>,
    size: BatchSize,
    tasks: u64,
    /// The time between two passes.
    between: Duration,
}

impl RetentionPass {
    fn new(retention: Duration, between: Duration) -> Self {
        Self {
            filter: PruneFilter {
                older_than: retention,
                statuses: Vec::new(),
                backend: None,
            },
            position: None,
            size: BatchSize::default(),
            tasks: 0,
            between,
        }
    }

    /// Makes one step if the duty belongs to this process, and returns the pause before the next one.
    async fn step(&mut self, store: &Store) -> Result<Duration, StoreError> {
        // The process that makes a pass keeps the duty: another one would read the deleted entries again from the start.
        let interval = match self.position {
            Some(_) => Duration::ZERO,
            None => self.between,
        };
        // The statement itself checks the clock, by the row of the duty `reap`.
        let clock = ClockWatch::default();
        let turn = store
            .try_acquire_duty(Duty::Prune, interval, &clock)
            .await?;
        if turn == Turn::DoneByOther {
            return Ok(self.between / 4);
        }
        let began = Instant::now();
        let limit = self.size.get();
        let (mode, from) = (PruneMode::Delete, self.position);
        let (tasks, next) = match prune::step(store, mode, &self.filter, from, limit).await? {
            Pruned::Step { tasks, next } => (tasks, next),
            Pruned::ClockUnsteady => {
                debug!(
                    event = "retention.postponed",
                    "no task is deleted: the database clock has not run steadily for an hour"
                );
                (0, None)
            }
        };
        let took = began.elapsed();
        self.size.record(took);
        self.tasks += tasks;
        self.position = next;
        if next.is_some() {
            return Ok((took * PAUSE_FACTOR).max(MIN_PAUSE));
        }
        if self.tasks > 0 {
            let tasks = std::mem::take(&mut self.tasks);
            info!(event = "retention.pruned", tasks, "expired tasks deleted");
        }
        Ok(self.between)
    }
}
