//! PostgreSQL: the only floor that names diesel.
//!
//! Every move of a task is one statement here that names the status it expects to find, changes
//! `tasks` and appends to `status_history` together. Callers see plain types and [`StoreError`].

mod batch;
mod claim;
mod error;
mod insert;
mod listen;
mod migrate;
mod outcome;
mod pool;
mod read;
mod schema;
mod settle;
mod statement;
mod sweep;
mod withdraw;
mod workers;

pub use claim::{Claim, ClaimRequest};
pub use error::StoreError;
pub use insert::{Earlier, Insertion};
pub use listen::{ReadySignal, listen_for_ready_tasks};
pub use migrate::{MigrationStatus, migrate_down, migrate_up, migration_status};
pub use outcome::Settled;
pub use pool::{DatabaseSettings, Pools};
pub use read::{Cursor, HistoryEntry, TaskFilter, TaskRecord, TaskSummary};
pub use sweep::{Duty, Moved, SWEEP_ROWS, StaleTask, Turn};
pub use workers::Heartbeat;

use std::sync::Arc;

use crate::domain::settlement::Settlement;
use crate::domain::task::NewTask;

use batch::Batcher;

/// Every statement that qtask knows, over one set of connections.
///
/// Insertions, claims by id and settlements of concurrent callers share commits; the rest are
/// statements of their own.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    insertions: Batcher<insert::Insert>,
    claims: Batcher<claim::ClaimById>,
    settlements: Batcher<settle::Settle>,
}

/// Whether moves that make a task claimable wake workers by NOTIFY (PostgreSQL is the queue) or not
/// (a broker is).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// One notification per flush and backend.
    Notify,
    /// None: messages do it.
    Silent,
}

impl Store {
    /// Opens no connection: each is made when it is first needed.
    ///
    /// Must be called within a multi-threaded tokio runtime, on which the shared writers then run.
    pub fn new(pools: Pools, wake: Wake) -> Self {
        Self {
            insertions: Batcher::spawn(insert::Insert {
                pools: pools.clone(),
                wake,
            }),
            claims: Batcher::spawn(claim::ClaimById {
                pools: pools.clone(),
            }),
            settlements: Batcher::spawn(settle::Settle {
                pools: pools.clone(),
                wake,
            }),
            pools,
        }
    }

    /// Stores a new task as `pending`, with its first history row; see [`Insertion`].
    pub async fn insert(&self, task: NewTask) -> Result<Insertion, StoreError> {
        self.insertions.run(Arc::new(task)).await?
    }

    /// Moves one waiting task to `processing`, owned by the session that asks; see [`Claim`].
    pub async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.claims.run(request).await?
    }

    /// Moves a running task out of `processing` on its owner's word; see [`Settled`].
    pub async fn settle(&self, settlement: Arc<Settlement>) -> Result<Settled, StoreError> {
        self.settlements.run(settlement).await
    }
}
