//! A worker: claims tasks for its session, runs them, and writes what came of it.
//!
//! - `lease` keeps the session alive and says when it may not be trusted;
//! - `intake_amqp` and `intake_postgres` claim tasks and start attempts;
//! - `attempt` runs one task from its claim to its settlement;
//! - `running` knows what is in hand, and stops it;
//! - this file puts them together and takes them apart in order.

mod attempt;
mod health;
mod intake_amqp;
mod intake_postgres;
mod lease;
mod running;

pub use health::WorkerHealth;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{RwLock, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::config::timing::LeaseSettings;
use crate::domain::backoff::Backoff;
use crate::domain::owner::Session;
use crate::executor::Executor;
use crate::queue::amqp::AmqpConfig;
use crate::store::{DatabaseSettings, Store};

use lease::SessionEnd;
use running::{Running, StopReason};

/// The executors of a worker, by the backend that they serve.
pub type Executors = BTreeMap<String, Arc<dyn Executor>>;

/// Where a worker hears of tasks.
#[derive(Clone)]
pub enum Source {
    /// Messages on the backends' queues.
    Amqp(AmqpConfig),
    /// The table itself: woken by NOTIFY, with a poll behind it.
    Postgres(DatabaseSettings),
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
    pub source: Source,
}

/// What the parts of one worker share.
struct Worker {
    settings: WorkerSettings,
    store: Store,
    executors: Executors,
    session: RwLock<Session>,
    /// Every session that this process has tried to begin.
    begun: Mutex<HashSet<Uuid>>,
    /// A permit for each task that may run.
    slots: Arc<Semaphore>,
    running: Running,
    /// Claims and attempts under way.
    attempts: TaskTracker,
    health: Arc<WorkerHealth>,
    /// Cancelled when no more tasks are to be taken.
    draining: CancellationToken,
    /// Cancelled when none will be: the last claim is answered and its attempt begun.
    intake_over: CancellationToken,
    /// Cancelled when unwritten outcomes are to be given up.
    abandon: CancellationToken,
}

/// Why a worker ended without being asked to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WorkerError {
    /// Another process registered under the same name.
    #[error("another worker has registered under the name `{0}`: each needs a name of its own")]
    Replaced(String),
    /// A part of the worker ended that should not have: a defect.
    #[error("the worker's {0} broke down")]
    BrokeDown(&'static str),
}

/// How long an executor may take to stop once it was told to.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// How long the last outcomes may take to be written after the grace time.
const LAST_WRITES: Duration = Duration::from_secs(10);

impl Worker {
    async fn session(&self) -> Session {
        self.session.read().await.clone()
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, HashSet<Uuid>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn backends(&self) -> Vec<String> {
        self.executors.keys().cloned().collect()
    }

    /// Begins a session, as often as it takes, and says since when it may be trusted; None when a
    /// stop was asked for first.
    async fn register(&self) -> Option<(Session, Instant)> {
        let host = nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let capabilities = json!({"max_parallel_tasks": self.settings.concurrency});
        let metadata =
            json!({"host": host, "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id()});
        let backends = self.backends();
        let mut failures = 0;
        loop {
            // New at every try: an answer that was lost must not leave the session of a later try
            // half known.
            let session = Session::begin(&self.settings.name);
            self.begun().insert(session.session_id);
            let (sent, lease) = (Instant::now(), self.settings.lease.lease);
            let registering =
                self.store
                    .register(&session, &backends, &capabilities, &metadata, lease);
            match self.draining.run_until_cancelled(registering).await? {
                Ok(()) => {
                    *self.session.write().await = session.clone();
                    return Some((session, sent));
                }
                Err(error) => {
                    failures += 1;
                    let delay = Backoff::RECONNECT.delay(failures);
                    warn!(worker_id = %self.settings.name, %error, ?delay, "cannot register; trying again");
                    self.draining
                        .run_until_cancelled(tokio::time::sleep(delay))
                        .await?;
                }
            }
        }
    }

    /// Keeps sessions alive, one after the other, until a stop was asked for and all is written.
    async fn keep_sessions(&self, over: &CancellationToken) -> Result<(), WorkerError> {
        while let Some((session, since)) = self.register().await {
            info!(worker_id = %session.worker_id, session_id = %session.session_id, "worker registered");
            self.release_what_an_older_session_had();
            self.health.set_lease(true);
            let end = lease::keep(self, &session, since, over).await;
            self.health.set_lease(false);
            match end {
                SessionEnd::Over => return Ok(()),
                SessionEnd::Ended => {
                    warn!(worker_id = %session.worker_id, session_id = %session.session_id,
                          "session ended; its tasks are lost");
                    self.running.stop_all(StopReason::LeaseLost);
                }
                SessionEnd::Replaced => {
                    self.running.close(StopReason::LeaseLost);
                    return Err(WorkerError::Replaced(self.settings.name.clone()));
                }
            }
        }
        Ok(())
    }

    /// At once, and not at the next sweep; which does it all the same if this fails.
    fn release_what_an_older_session_had(&self) {
        let store = self.store.clone();
        tokio::spawn(async move {
            for moved in store.release_orphans().await.unwrap_or_default() {
                warn!(task_id = %moved.task_id, attempt = moved.attempt, worker_id = moved.worker_id,
                      from = "processing", to = %moved.status, "task released: its worker was lost");
            }
        });
    }

    async fn take_tasks(self: &Arc<Self>) {
        match &self.settings.source {
            Source::Amqp(config) => intake_amqp::run(self, config.clone()).await,
            Source::Postgres(settings) => intake_postgres::run(self, settings.clone()).await,
        }
    }
}

/// Runs a worker until `stop` is cancelled and everything in its hands is settled or handed back.
pub async fn run(
    settings: WorkerSettings,
    store: Store,
    executors: Executors,
    health: Arc<WorkerHealth>,
    stop: CancellationToken,
) -> Result<(), WorkerError> {
    let worker = Arc::new(Worker {
        session: RwLock::new(Session::begin(&settings.name)),
        begun: Mutex::default(),
        slots: Arc::new(Semaphore::new(settings.concurrency.into())),
        running: Running::default(),
        attempts: TaskTracker::new(),
        draining: stop.child_token(),
        intake_over: CancellationToken::new(),
        abandon: CancellationToken::new(),
        settings,
        store,
        executors,
        health,
    });
    let over = CancellationToken::new();
    let mut sessions = tokio::spawn({
        let (worker, over) = (worker.clone(), over.clone());
        async move { worker.keep_sessions(&over).await }
    });
    let mut intake = tokio::spawn({
        let worker = worker.clone();
        // However the intake ends, nobody waits for it in vain.
        let intake_over = worker.intake_over.clone().drop_guard();
        async move {
            worker.take_tasks().await;
            drop(intake_over);
        }
    });
    let early = tokio::select! {
        // Asked first: once it drains, the others end as they should.
        biased;
        () = worker.draining.cancelled() => None,
        ended = &mut sessions => {
            Some(ended.unwrap_or(Err(WorkerError::BrokeDown("heartbeat"))))
        }
        _ = &mut intake => Some(Err(WorkerError::BrokeDown("intake"))),
    };
    if let Some(Err(error)) = &early {
        error!(worker_id = %worker.settings.name, %error, "stopping");
    }
    worker.draining.cancel();
    worker.health.set_draining();
    drain(&worker).await;
    over.cancel();
    if !intake.is_finished() {
        let _ = tokio::time::timeout(LAST_WRITES, intake).await;
    }
    let ended = match early {
        Some(ended) => ended,
        None => sessions
            .await
            .unwrap_or(Err(WorkerError::BrokeDown("heartbeat"))),
    };
    end_session(&worker).await;
    info!(worker_id = %worker.settings.name, "worker stopped");
    ended
}

/// Lets running tasks finish for the grace time, then hands the rest back.
async fn drain(worker: &Worker) {
    worker.intake_over.cancelled().await;
    worker.attempts.close();
    let (grace, running) = (worker.settings.grace, worker.running.count());
    info!(worker_id = %worker.settings.name, running, ?grace, "stopping: no more tasks are taken");
    if tokio::time::timeout(grace, worker.attempts.wait())
        .await
        .is_ok()
    {
        return;
    }
    worker.running.close(StopReason::Shutdown);
    if tokio::time::timeout(LAST_WRITES, worker.attempts.wait())
        .await
        .is_err()
    {
        worker.abandon.cancel();
        // What is left are claims that the database has not answered; each has its time limit.
        let _ = tokio::time::timeout(LAST_WRITES, worker.attempts.wait()).await;
    }
}

async fn end_session(worker: &Worker) {
    if let Err(error) = worker.store.end_session(&worker.session().await).await {
        warn!(worker_id = %worker.settings.name, %error, "the session could not be ended; its lease runs out by itself");
    }
}
