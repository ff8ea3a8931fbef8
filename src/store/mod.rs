//! PostgreSQL: the only layer that names diesel.
//!
//! Each transition of a task is one statement: it names the status that it expects, changes `tasks` and appends to
//! `status_history` together. Callers see plain types and [`StoreError`].

mod address;
mod applied_versions;
mod backends;
mod batch;
mod cancel;
mod cancel_many;
mod claim;
mod claim_by_id;
mod claim_next;
mod clock_step;
mod connect;
mod connect_gate;
mod connect_problem;
mod connector;
mod depth;
mod dispatch;
mod encrypt;
mod error;
mod fleet;
mod follow;
mod frozen;
mod history;
mod insert;
mod json;
mod known_versions;
mod list;
mod list_filter;
mod list_statement;
mod listen;
mod logs;
mod migrate;
mod migrations;
mod outputs;
mod owned_tasks;
mod pause;
mod pause_condition;
mod pool;
mod pool_usage;
mod prune;
mod quarantine;
mod queue_policy;
mod queue_position;
mod read;
mod reap;
mod refusal;
mod rerun;
mod reversion;
mod schema;
mod schema_fault;
mod schema_status;
mod server_error;
mod servers;
mod serving;
mod session;
mod session_state;
mod settle;
mod socket;
mod sql;
mod statement;
mod sweep;
mod sweep_bounds;
mod token_lookup;
mod tokens;
mod turn;
mod version;
mod webhooks;
mod withdraw;
mod workers;

pub use address::{
    ClientCertificate, DatabaseAddress, SessionKind, TlsMode, TlsNegotiation, TlsPolicy,
    TlsPolicyError, TrustedRoots,
};
pub use backends::{BackendList, BackendRecord, COUNTED_WAITING};
pub use cancel::Cancellation;
pub use cancel_many::CancelledMany;
pub use claim::Claim;
pub use claim_by_id::ClaimRequest;
pub use claim_next::{ClaimLimit, ClaimedNext, LimitedBy};
pub use connect_problem::ConnectProblem;
pub use depth::{COUNTED_DEPTH, Depth};
pub use dispatch::StaleTask;
pub use error::StoreError;
pub use fleet::{
    UnknownWorkerStatus, WorkerFilter, WorkerList, WorkerRecord, WorkerSearch, WorkerStatus,
};
pub use follow::TaskNews;
pub use frozen::FrozenBackend;
pub use history::HistoryEntry;
pub use insert::{BatchInsertion, Insertion, PriorSubmission};
pub use json::Json;
pub use list::{TaskIds, TaskList};
pub use list_filter::{Cursor, Sort, TaskFilter};
pub use listen::{
    CANCELS, CHANGES, Notification, READY, RESUMED, TOKENS, WEBHOOKS, changed_tasks, listen,
};
pub use logs::{Appended, LogEntry, LogFilter, LogPage, MAX_PAGE_BYTES};
pub use migrate::{migrate_down, migrate_up};
pub use migrations::{MigrationSettings, newest_schema};
pub use outputs::AttemptOutput;
pub use pause::{MAX_PAUSED, PausedBackend};
pub use pool::{DatabaseSettings, MAX_WRITE_CONNECTIONS, Pools};
pub use pool_usage::PoolUsage;
pub use prune::PruneStep;
pub use quarantine::QuarantineRules;
pub use queue_position::{MAX_COUNTED_AHEAD, QueuePosition};
pub use read::{TaskParts, TaskRead, TaskRecord, TaskSnapshot, TaskSummary};
pub use reap::Transition;
pub use rerun::{RerunSource, RerunTask};
pub use reversion::Reversion;
pub use session_state::SessionState;
pub use settle::{Reported, Settled};
pub use token_lookup::StoredToken;
pub use tokens::{
    MAX_TOKENS, MAX_TOKENS_OF_NAME, TokenCreation, TokenGrant, TokenList, TokenRecord, TokenSearch,
    TokenStatus,
};

pub use turn::{ClockWatch, Duty, Turn};

pub use queue_policy::QueuePolicy;
pub use schema_fault::{SchemaFault, SchemaSkew};
pub use schema_status::{SchemaStatus, SchemaVersion, VersionState, schema_status};
pub use sweep_bounds::SWEEP_ROWS;
pub use webhooks::DueWebhook;
pub use workers::{Heartbeat, HeartbeatReport, MAX_WORKERS, Registered, Registration};

use std::sync::Arc;
use std::time::Duration;

use crate::domain::settlement::Settlement;
use crate::domain::task::NewTask;

use batch::Batcher;
use settle::Report;

/// All statements of qtask, over one set of connection pools.
///
/// Concurrent insertions, claims by id and settlements share commits; every other call is a statement of its own.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    policy: QueuePolicy,
    insertions: Batcher<insert::Insert>,
    claims: Batcher<claim_by_id::ClaimById>,
    settlements: Batcher<settle::Settle>,
}

impl Store {
    /// Opens no connection: each is opened when it is first needed.
    ///
    /// Must be called within a multi-threaded tokio runtime; the shared writers run on it.
    pub fn new(pools: Pools, policy: QueuePolicy) -> Self {
        Self {
            insertions: Batcher::spawn(insert::Insert {
                pools: pools.clone(),
                policy,
            }),
            claims: Batcher::spawn(claim_by_id::ClaimById {
                pools: pools.clone(),
                policy,
            }),
            settlements: Batcher::spawn(settle::Settle {
                pools: pools.clone(),
            }),
            pools,
            policy,
        }
    }

    /// The time limit of one statement.
    pub fn longest_statement(&self) -> Duration {
        self.pools.timeout()
    }

    /// The present use of the connection pools.
    pub fn pool_usage(&self) -> [PoolUsage; 3] {
        self.pools.usage()
    }

    /// Why the last connection could not be opened, if that is known and not long ago.
    pub fn connect_problem(&self) -> Option<ConnectProblem> {
        self.pools.connect_problem()
    }

    /// Stores a new task as `pending`, with its first history row; see [`Insertion`].
    pub async fn insert(&self, task: Arc<NewTask>) -> Result<Insertion, StoreError> {
        self.insertions.run(task).await?
    }

    /// Moves one waiting task to `processing`, owned by the session of the request; see [`Claim`].
    pub async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.claims.run(request).await?
    }

    /// Moves a running task out of `processing` for its owner; see [`Settled`].
    pub async fn settle(&self, settlement: Arc<Settlement>) -> Result<Settled, StoreError> {
        let report = Report {
            settlement,
            is_counted: false,
        };
        Ok(self.settlements.run(report).await?.settled)
    }

    /// The same for a worker that does not count its tasks itself: the statement increments the counter of its session.
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
