//! A worker: claims tasks for its session, runs them, and writes their settlements.
//!
//! - `registration` begins sessions, and does not take over the name of a living one;
//! - `lease` renews the session's lease and determines when it is no longer trusted;
//! - `listener` receives the notifications that must not wait for the next heartbeat;
//! - `intake_amqp` and `intake_postgres` claim tasks and start attempts;
//! - `slots` bounds how many tasks run at once, and `ahead` how many more are claimed;
//! - `attempt` runs one task from its claim to its settlement, `attempt_span` traces it, and `settling` writes that;
//! - `log_writer` writes the log lines, progress and output of a running task;
//! - `lifecycle_hooks` runs a command before the first task and one after the last, by `hook`;
//! - `task_hooks` runs a command before and after each task;
//! - `held` records why no tasks are claimed, `quarantine` handles an unfit environment;
//! - `paused` records which backends are paused, so that their messages stay in their queues;
//! - `running` lists the running attempts, and stops them;
//! - `context` has the settings and state that these parts share;
//! - this file starts the parts and stops them in order.

mod ahead;
mod attempt;
mod attempt_end;
mod attempt_span;
mod context;
mod error;
mod health;
mod held;
mod hook;
mod intake_amqp;
mod intake_postgres;
mod lease;
mod lifecycle_hooks;
mod lifecycle_state;
mod listener;
mod log_writer;
mod paused;
mod quarantine;
mod registration;
mod running;
mod settling;
mod slots;
mod task_hooks;
mod trial;

pub use context::{Executors, TaskSource, WorkerSettings};
pub use error::WorkerError;
pub use health::WorkerHealth;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, RwLock, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::domain::backoff::Backoff;
use crate::domain::owner::Session;
use crate::metrics;
use crate::service::sweep;
use crate::store::Store;

use context::{STOP_LIMIT, Worker};
use lease::SessionEnd;
use lifecycle_state::{LifecycleHooks, SETTING_UP};
use paused::PausedBackends;
use running::{Running, StopReason};
use slots::WorkerSlots;

/// How long writing the last settlements may take after the executors have ended.
const LAST_WRITES: Duration = Duration::from_secs(10);
/// How long ending the session is retried.
const LAST_WORD: Duration = Duration::from_secs(3);

impl Worker {
    /// Keeps sessions alive, one after the other, until a stop was requested and all settlements are written.
    async fn keep_sessions(&self, over: &CancellationToken) -> Result<(), WorkerError> {
        while let Some((session, since)) = self.register().await? {
            sweep::release_orphans_soon(&self.store);
            self.health.set_lease(true);
            self.lifecycle_hooks.registered.cancel();
            let end = lease::keep(self, &session, since, over).await;
            self.health.set_lease(false);
            match end {
                SessionEnd::Over => return Ok(()),
                SessionEnd::Ended => {
                    warn!(
                        event = "worker.session_ended", worker_id = %session.worker_id,
                        session_id = %session.session_id,
                        "session ended: its tasks are lost"
                    );
                    metrics::lease_lost();
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

    async fn take_tasks(self: &Arc<Self>) {
        match &self.settings.source {
            TaskSource::Amqp(config) => intake_amqp::run(self, config.clone()).await,
            TaskSource::Postgres => intake_postgres::run(self).await,
        }
    }
}

/// Runs a worker until `stop` is cancelled and every running task is settled or released.
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
        slots: Arc::new(WorkerSlots::new(settings.concurrency)),
        running: Running::default(),
        lifecycle_hooks: LifecycleHooks::default(),
        ready: Notify::new(),
        held: watch::Sender::default(),
        paused: PausedBackends::default(),
        attempts: TaskTracker::new(),
        draining: stop.child_token(),
        intake_over: CancellationToken::new(),
        abandon: CancellationToken::new(),
        settings,
        store,
        executors,
        health,
    });
    worker.health.set_slots(worker.settings.concurrency);
    if worker.settings.environment.setup.is_some() {
        worker.health.set_intake(Some(SETTING_UP.to_owned()));
    }
    let over = CancellationToken::new();
    listener::start(&worker, over.clone());
    let mut sessions = tokio::spawn({
        let (worker, over) = (worker.clone(), over.clone());
        async move { worker.keep_sessions(&over).await }
    });
    let mut intake = tokio::spawn({
        let worker = worker.clone();
        // Ends every wait for the intake, for any end of the intake.
        let intake_over = worker.intake_over.clone().drop_guard();
        async move {
            let prepared = lifecycle_hooks::set_up(&worker).await;
            if prepared.is_ok() {
                tokio::join!(worker.take_tasks(), quarantine::run(&worker));
            }
            drop(intake_over);
            prepared
        }
    });
    let early = tokio::select! {
        // Polled first: while the worker drains, the other two end normally.
        biased;
        () = worker.draining.cancelled() => None,
        ended = &mut sessions => {
            Some(ended.unwrap_or(Err(WorkerError::BrokeDown("heartbeat"))))
        }
        ended = &mut intake => Some(match ended {
            Ok(Err(error)) => Err(error),
            _ => Err(WorkerError::BrokeDown("intake")),
        }),
    };
    if let Some(Err(error)) = &early {
        error!(event = "worker.failed", worker_id = %worker.settings.name, %error, "worker failed: stopping");
    }
    worker.draining.cancel();
    worker.health.set_draining();
    drain(&worker).await;
    if matches!(early, Some(Err(WorkerError::Replaced(_)))) {
        // The set-up was made under the worker's name, and so it belongs to the successor now.
        warn!(
            event = "worker.teardown_skipped", worker_id = %worker.settings.name,
            "teardown skipped: the worker was replaced"
        );
    } else {
        lifecycle_hooks::tear_down(&worker).await;
    }
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
    end_session(&worker, &ended).await;
    info!(event = "worker.stopped", worker_id = %worker.settings.name, "worker stopped");
    ended
}

/// Waits for running tasks for the grace time, then releases the rest.
async fn drain(worker: &Worker) {
    worker.intake_over.cancelled().await;
    worker.attempts.close();
    let (grace, running) = (worker.settings.grace, worker.running.count());
    info!(
        event = "worker.draining", worker_id = %worker.settings.name, running, ?grace,
        "worker is draining: it claims no more tasks"
    );
    if tokio::time::timeout(grace, worker.attempts.wait())
        .await
        .is_ok()
    {
        return;
    }
    worker.running.close(StopReason::Shutdown);
    let limit = worker.stop_grace() + STOP_LIMIT + LAST_WRITES;
    if tokio::time::timeout(limit, worker.attempts.wait())
        .await
        .is_err()
    {
        worker.abandon.cancel();
        // Only claims that the database has not answered remain; each has a timeout.
        let _ = tokio::time::timeout(LAST_WRITES, worker.attempts.wait()).await;
    }
}

async fn end_session(worker: &Worker, ended: &Result<(), WorkerError>) {
    let reason = match ended {
        Err(error @ WorkerError::SetUpFailed(_)) => Some(error.to_string()),
        _ => None,
    };
    let session = worker.session().await;
    let counts = Some(worker.health.counts());
    let began = Instant::now();
    let mut failures = 0;
    loop {
        let ending = worker
            .store
            .end_session(&session, reason.as_deref(), counts);
        let Err(error) = ending.await else {
            return;
        };
        failures += 1;
        let delay = Backoff::RECONNECT.delay(failures);
        if began.elapsed() + delay > LAST_WORD {
            warn!(
                event = "worker.session_end_failed", worker_id = %worker.settings.name, %error,
                "session not ended: its lease expires by itself"
            );
            return;
        }
        tokio::time::sleep(delay).await;
    }
}
