//! What the parts of a worker share.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, RwLock, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::health::WorkerHealth;
use super::held::Held;
use super::lifecycle_state::LifecycleHooks;
use super::running::Running;
use crate::config::environment::EnvironmentSettings;
use crate::config::timing::LeaseSettings;
use crate::domain::backoff::Backoff;
use crate::domain::owner::Session;
use crate::domain::problem_patterns::ProblemPatterns;
use crate::executor::Executor;
use crate::queue::amqp::AmqpConfig;
use crate::store::{DatabaseSettings, QuarantineRules, Store};

/// How long an executor may take to stop once it was told to.
pub const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The executors of a worker, by the backend that they serve.
pub type Executors = BTreeMap<String, Arc<dyn Executor>>;

/// Where a worker hears of tasks.
#[derive(Clone)]
pub enum TaskSource {
    /// Messages on the backends' queues.
    Amqp(AmqpConfig),
    /// The table itself: woken by NOTIFY, with a poll behind it.
    Postgres,
}

/// How one worker runs.
#[derive(Clone)]
pub struct WorkerSettings {
    /// Unique among living workers; a worker that starts under a known name replaces the older one.
    pub name: String,
    /// How many tasks at once.
    pub concurrency: u16,
    /// How long running tasks may go on after a stop was asked for.
    pub grace: Duration,
    /// The times of the lease.
    pub lease: LeaseSettings,
    /// The longest that the answer to a claim can take.
    pub claim_limit: Duration,
    /// The delays between a task's attempts.
    pub retry: Backoff,
    /// Where tasks come from.
    pub source: TaskSource,
    /// Where notifications come from.
    pub database: DatabaseSettings,
    /// What is run before the first task and after the last, before and after each, and to heal.
    pub environment: EnvironmentSettings,
    /// When it takes no more tasks because its environment fails them.
    pub quarantine: QuarantineRules,
    /// The problems that it takes; all where it is None.
    pub problems: Option<ProblemPatterns>,
}

/// What the parts of one worker share.
pub struct Worker {
    pub settings: WorkerSettings,
    pub store: Store,
    pub executors: Executors,
    pub session: RwLock<Session>,
    /// Every session that this process has tried to begin.
    pub begun: Mutex<HashSet<Uuid>>,
    /// A permit for each task that may run.
    pub slots: Arc<Semaphore>,
    pub running: Running,
    /// Claims and attempts under way.
    pub attempts: TaskTracker,
    pub health: Arc<WorkerHealth>,
    pub lifecycle_hooks: LifecycleHooks,
    /// Wakes the intake: tasks have become claimable.
    pub ready: Notify,
    /// Why no more tasks are to be taken for now.
    pub held: watch::Sender<Held>,
    /// Cancelled when no more tasks are to be taken.
    pub draining: CancellationToken,
    /// Cancelled when none will be: the last claim is answered and its attempt begun.
    pub intake_over: CancellationToken,
    /// Cancelled when unwritten outcomes are to be given up.
    pub abandon: CancellationToken,
}

impl Worker {
    pub async fn session(&self) -> Session {
        self.session.read().await.clone()
    }

    pub fn begun(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time that the slowest of the executors wants for its end, with the commands around it.
    pub fn stop_grace(&self) -> Duration {
        let graces = self.executors.values().map(|it| it.stop_grace());
        self.settings
            .environment
            .stop_grace(graces.max().unwrap_or_default())
    }

    /// What every command of the operator's finds in its environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("QTASK_WORKER", self.settings.name.clone()),
            ("QTASK_BACKENDS", self.backends().join(",")),
        ]
    }

    pub fn capabilities(&self) -> Value {
        let mut capabilities = json!({"max_parallel_tasks": self.settings.concurrency});
        if let (Some(problems), Value::Object(members)) =
            (&self.settings.problems, &mut capabilities)
        {
            members.insert("supported_problems".to_owned(), json!(problems.texts()));
        }
        capabilities
    }

    pub fn backends(&self) -> Vec<String> {
        self.executors.keys().cloned().collect()
    }

    /// Waits until the registry lets it take tasks.
    pub async fn until_let(&self) {
        // The sender is the worker's own, so that the wait has no other end.
        let _ = self.held.subscribe().wait_for(|held| !held.holds()).await;
    }
}
