//! PostgreSQL: the only floor that names diesel.
//!
//! Every move of a task is one statement here that names the status it expects to find, changes
//! `tasks` and appends to `status_history` together. Callers see plain types and [`StoreError`].

mod backends;
mod batch;
mod cancel;
mod claim;
mod depth;
mod error;
mod fleet;
mod follow;
mod frozen;
mod history;
mod insert;
mod json;
mod list;
mod list_statement;
mod listen;
mod logs;
mod migrate;
mod outputs;
mod pool;
mod quarantine;
mod queue_position;
mod read;
mod schema;
mod serving;
mod session_state;
mod set_back;
mod settle;
mod statement;
mod sweep;
mod turn;
mod unstorable;
mod version;
mod webhooks;
mod withdraw;
mod workers;

pub use backends::{BackendList, BackendRecord, COUNTED_WAITING};
pub use cancel::Cancellation;
pub use claim::{Claim, ClaimRequest, ClaimedNext, LimitedBy};
pub use depth::{COUNTED_DEPTH, Depth};
pub use error::StoreError;
pub use fleet::{
    UnknownWorkerStatus, WorkerFilter, WorkerList, WorkerRecord, WorkerSearch, WorkerStatus,
};
pub use follow::{LastEventId, TaskNews};
pub use frozen::FrozenBackend;
pub use history::HistoryEntry;
pub use insert::{BatchInsertion, Insertion, PriorSubmission};
pub use json::Json;
pub use list::{Cursor, Sort, TaskFilter, TaskList};
pub use listen::{CANCELS, CHANGES, Notification, READY, WEBHOOKS, changed_tasks, listen};
pub use logs::{Appended, LogEntry, LogFilter, LogPage, MAX_PAGE_BYTES};
pub use migrate::{MigrationStatus, migrate_down, migrate_up, migration_status};
pub use outputs::AttemptOutput;
pub use pool::{DatabaseSettings, Pools};
pub use quarantine::QuarantineRules;
pub use queue_position::{COUNTED_PLACES, QueuePosition};
pub use read::{TaskParts, TaskRead, TaskRecord, TaskSnapshot, TaskSummary};
pub use session_state::SessionState;
pub use settle::{Reported, Settled};
pub use sweep::{SWEEP_ROWS, StaleTask, Transition};
pub use turn::{ClockWatch, Duty, Turn};
pub use version::SchemaFault;
pub use webhooks::DueWebhook;
pub use workers::{Heartbeat, HeartbeatReport, MOST_WORKERS, Registered, Registration};

use std::sync::Arc;
use std::time::Duration;

use crate::domain::settlement::Settlement;
use crate::domain::task::NewTask;

use batch::Batcher;
use settle::Report;

/// Every statement that qtask knows, over one set of connections.
///
/// Insertions, claims by id and settlements of concurrent callers share commits; the rest are
/// statements of their own.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    rules: QueuePolicy,
    insertions: Batcher<insert::Insert>,
    claims: Batcher<claim::ClaimById>,
    settlements: Batcher<settle::Settle>,
}

/// What a deployment decides about all of its tasks.
#[derive(Debug, Clone, Copy)]
pub struct QueuePolicy {
    /// For how long an idempotency key names its request.
    pub idempotency_window: Duration,
    /// How much waiting is worth one level of priority.
    pub priority_aging_interval: Duration,
    /// For how long a task is left to other workers than those whose environment failed it.
    pub blame_window: Duration,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            idempotency_window: Duration::from_hours(24),
            priority_aging_interval: Duration::from_mins(10),
            blame_window: Duration::from_mins(5),
        }
    }
}

impl QueuePolicy {
    fn idempotency_seconds(&self) -> i32 {
        i32::try_from(self.idempotency_window.as_secs()).unwrap_or(i32::MAX)
    }

    fn blame_window_ms(&self) -> i32 {
        i32::try_from(self.blame_window.as_millis()).unwrap_or(i32::MAX)
    }

    fn priority_aging_interval_ms(&self) -> i32 {
        i32::try_from(self.priority_aging_interval.as_millis()).unwrap_or(i32::MAX)
    }
}

impl Store {
    /// Opens no connection: each is made when it is first needed.
    ///
    /// Must be called within a multi-threaded tokio runtime, on which the shared writers then run.
    pub fn new(pools: Pools, rules: QueuePolicy) -> Self {
        Self {
            insertions: Batcher::spawn(insert::Insert {
                pools: pools.clone(),
                rules,
            }),
            claims: Batcher::spawn(claim::ClaimById {
                pools: pools.clone(),
                rules,
            }),
            settlements: Batcher::spawn(settle::Settle {
                pools: pools.clone(),
            }),
            pools,
            rules,
        }
    }

    /// The most that one statement takes, answered or not.
    pub fn longest_statement(&self) -> Duration {
        self.pools.timeout()
    }

    /// Stores a new task as `pending`, with its first history row; see [`Insertion`].
    pub async fn insert(&self, task: Arc<NewTask>) -> Result<Insertion, StoreError> {
        self.insertions.run(task).await?
    }

    /// Moves one waiting task to `processing`, owned by the session that asks; see [`Claim`].
    pub async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.claims.run(request).await?
    }

    /// Moves a running task out of `processing` on its owner's word; see [`Settled`].
    pub async fn settle(&self, settlement: Arc<Settlement>) -> Result<Settled, StoreError> {
        let report = Report {
            settlement,
            is_counted: false,
        };
        Ok(self.settlements.run(report).await?.settled)
    }

    /// The same for a worker that does not count its tasks by itself: an end is counted for its session, in
    /// the statement that writes it.
    pub async fn settle_and_count(
        &self,
        settlement: Arc<Settlement>,
    ) -> Result<Reported, StoreError> {
        let report = Report {
            settlement,
            is_counted: true,
        };
        self.settlements.run(report).await
    }
}
