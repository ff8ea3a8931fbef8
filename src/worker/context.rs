//! Settings and state that the parts of a worker share.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, RwLock, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::health::WorkerHealth;
use super::held::Held;
use super::lifecycle_state::LifecycleHooks;
use super::paused::PausedBackends;
use super::running::Running;
use super::slots::WorkerSlots;
use crate::config::environment::EnvironmentSettings;
use crate::config::timing::LeaseSettings;
use crate::domain::backoff::Backoff;
use crate::domain::owner::Session;
use crate::domain::problem_patterns::ProblemPatterns;
use crate::executor::Executor;
use crate::queue::amqp::AmqpConfig;
use crate::store::{DatabaseSettings, QuarantineRules, Store};

/// How long an executor may take to stop after the stop was requested.
pub const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The executors of a worker, by backend.
pub type Executors = BTreeMap<String, Arc<dyn Executor>>;

/// How a worker learns of waiting tasks.
#[derive(Clone)]
pub enum TaskSource {
    /// Messages on the backends' queues.
    Amqp(AmqpConfig),
    /// The table: woken by NOTIFY, with polling as the fallback.
    Postgres,
}

/// The settings of one worker.
#[derive(Clone)]
pub struct WorkerSettings {
    /// Unique among living workers.
    pub name: String,
    /// Whether the first session may replace a living one of the same name.
    pub replace: bool,
    /// The maximum number of concurrent tasks.
    pub concurrency: u16,
    /// How long running tasks may continue after a stop was requested.
    pub grace: Duration,
    /// The lease duration and the heartbeat interval.
    pub lease: LeaseSettings,
    /// The longest time until a claim is answered.
    pub claim_limit: Duration,
    /// The delays between a task's attempts.
    pub retry: Backoff,
    /// The source of tasks.
    pub source: TaskSource,
    /// The source of notifications.
    pub database: DatabaseSettings,
    /// The commands before the first task and after the last, before and after each task, and to heal.
    pub environment: EnvironmentSettings,
    /// When failures of its environment put the worker into quarantine.
    pub quarantine: QuarantineRules,
    /// The problems that it accepts; all of them if `None`.
    pub problems: Option<ProblemPatterns>,
}

/// State that the parts of one worker share.
pub struct Worker {
    pub settings: WorkerSettings,
    pub store: Store,
    pub executors: Executors,
    pub session: RwLock<Session>,
    /// Every session that this process has tried to begin.
    pub begun: Mutex<HashSet<Uuid>>,
    /// One for each task that may run.
    pub slots: Arc<WorkerSlots>,
    pub running: Running,
    /// Claims and attempts in progress.
    pub attempts: TaskTracker,
    pub health: Arc<WorkerHealth>,
    pub lifecycle_hooks: LifecycleHooks,
    /// Wakes the intake: tasks have become claimable.
    pub ready: Notify,
    /// Why no tasks are claimed at present.
    pub held: watch::Sender<Held>,
    /// The backends whose messages are not consumed at present.
    pub paused: PausedBackends,
    /// Cancelled when the worker must claim no more tasks.
    pub draining: CancellationToken,
    /// Cancelled when the intake has ended: the last claim is answered and its attempt has begun.
    pub intake_over: CancellationToken,
    /// Cancelled when unwritten settlements must be abandoned.
    pub abandon: CancellationToken,
}

impl Worker {
    pub async fn session(&self) -> Session {
        self.session.read().await.clone()
    }

    pub fn begun(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The longest stop grace of the executors, plus that of the commands around tasks.
    pub fn stop_grace(&self) -> Duration {
        let graces = self.executors.values().map(|it| it.stop_grace());
        self.settings
            .environment
            .stop_grace(graces.max().unwrap_or_default())
    }

    /// The environment variables of every hook command.
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

    /// Waits until no more tasks may begin: the worker drains or is in quarantine.
    pub async fn until_held(&self) {
        let mut held = self.held.subscribe();
        tokio::select! {
            () = self.draining.cancelled() => {}
            // The worker owns the sender, so this wait cannot fail.
            _ = held.wait_for(Held::holds) => {}
        }
    }

    /// Waits until the registry allows the worker to claim tasks.
    pub async fn until_let(&self) {
        // The worker owns the sender, so this wait cannot fail.
        let _ = self.held.subscribe().wait_for(|held| !held.holds()).await;
    }
}
