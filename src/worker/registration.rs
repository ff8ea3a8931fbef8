//! Begins the sessions of a worker.
//!
//! The name of a living session is not taken over: two processes of one name would displace each other, again and again. A
//! process waits until that session has ended: the session of a killed process ends with its lease. A session that is renewed
//! meanwhile belongs to a living process, and the one that waits ends.

use std::time::{Duration, Instant};

use serde_json::json;
use time::OffsetDateTime;
use tracing::{info, warn};
use uuid::Uuid;

use super::WorkerError;
use super::context::Worker;
use crate::domain::backoff::Backoff;
use crate::domain::owner::Session;
use crate::domain::problem_patterns::ProblemPatterns;
use crate::store::{MAX_WORKERS, Registered, Registration, StoreError};

/// How often a registration is repeated while another session has the name, at most.
const MAX_NAME_POLL: Duration = Duration::from_secs(1);

/// The session that has the worker's name, and when it was last renewed.
type Holder = (Uuid, OffsetDateTime);

/// Why the registry began no session.
#[derive(Debug, thiserror::Error)]
enum NotRegistered {
    #[error("its name is in use")]
    NameInUse,
    #[error(
        "the registry is full: {MAX_WORKERS} workers are alive, and `{0}` is a new name; stop workers that are not needed"
    )]
    RegistryFull(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotRegistered {
    /// The reason for the health report; `None` where the database is unreachable, because its errors may name
    /// hosts.
    fn shown(&self) -> Option<String> {
        match self {
            Self::Store(_) => None,
            refusal => Some(refusal.to_string()),
        }
    }
}

impl Worker {
    /// Begins a session, with retries, and returns it with the time from which its lease is trusted; `None`
    /// if a stop was requested first. Fails if another living process has the name.
    pub async fn register(&self) -> Result<Option<(Session, Instant)>, WorkerError> {
        let mut failures = 0;
        let mut holder = None;
        loop {
            // A new session at each attempt: a registration whose answer was lost must not be mistaken for a
            // later one.
            let session = Session::begin(&self.settings.name);
            let sent = Instant::now();
            let registration = self.registration(&session);
            let registering = self.store.register(&registration);
            let Some(answer) = self.draining.run_until_cancelled(registering).await else {
                return Ok(None);
            };
            let refusal = match begun(answer, &self.settings.name) {
                Ok(draining) => {
                    self.begin(&session, draining).await;
                    return Ok(Some((session, sent)));
                }
                Err(refusal) => refusal,
            };
            let reason = refusal.shown().or_else(|| self.database_problem());
            self.health.set_refused(reason);
            let delay = if matches!(refusal, NotRegistered::NameInUse) {
                self.watch_holder(&mut holder).await?;
                self.settings.lease.heartbeat.min(MAX_NAME_POLL)
            } else {
                failures += 1;
                let (delay, reason) = (Backoff::RECONNECT.delay(failures), refusal.to_string());
                warn!(
                    event = "worker.registration_failed", worker_id = %self.settings.name, reason,
                    ?delay,
                    "registration failed: trying again"
                );
                delay
            };
            let pause = tokio::time::sleep(delay);
            if self.draining.run_until_cancelled(pause).await.is_none() {
                return Ok(None);
            }
        }
    }

    /// Why the database cannot be reached, if that is known.
    pub fn database_problem(&self) -> Option<String> {
        let problem = self.store.connect_problem()?;
        Some(format!("the database cannot be reached: {problem}"))
    }

    /// A registration of this session, which is noted as one of this process.
    fn registration(&self, session: &Session) -> Registration {
        let host = nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let earlier = self.begun().iter().copied().collect();
        self.begun().insert(session.session_id);
        let problems = self.settings.problems.as_ref();
        Registration {
            session: session.clone(),
            backends: self.backends(),
            capabilities: self.capabilities(),
            problems: problems.map(ProblemPatterns::like),
            metadata: json!({"host": host, "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id()}),
            lease: self.settings.lease.lease,
            stop_grace: self.stop_grace(),
            // Only the first session may take over the name: a process that was replaced must not replace its
            // successor.
            replace: self.settings.replace && !self.has_registered(),
            earlier,
            counts: self.health.counts(),
            token_name: None,
        }
    }

    fn has_registered(&self) -> bool {
        self.lifecycle_hooks.registered.is_cancelled()
    }

    async fn begin(&self, session: &Session, draining: bool) {
        info!(
            event = "worker.registered", worker_id = %session.worker_id,
            session_id = %session.session_id, draining,
            "worker registered"
        );
        self.health.set_refused(None);
        // Before any claim for the session.
        self.held.send_modify(|held| held.set_draining(draining));
        *self.session.write().await = session.clone();
    }

    /// Compares the session that has the name with the one of the last call; fails if it was renewed, or is another one.
    async fn watch_holder(&self, before: &mut Option<Holder>) -> Result<(), WorkerError> {
        // If the registry cannot be read, the next registration shows the state.
        let Ok(Some(worker)) = self.store.worker(&self.settings.name).await else {
            return Ok(());
        };
        let now = (worker.session_id, worker.last_heartbeat_at);
        match before.replace(now) {
            None => {
                warn!(
                    event = "worker.name_in_use", worker_id = %self.settings.name, session_id = %worker.session_id,
                    lease_ms = worker.lease_ms,
                    "name in use: waiting until the session that has it ends"
                );
                Ok(())
            }
            Some(same) if same == now => Ok(()),
            Some(_) if self.has_registered() => {
                Err(WorkerError::Replaced(self.settings.name.clone()))
            }
            Some(_) => Err(WorkerError::NameInUse(self.settings.name.clone())),
        }
    }
}

/// Whether the session that has begun is draining, or why none has begun.
fn begun(answer: Result<Registered, StoreError>, name: &str) -> Result<bool, NotRegistered> {
    match answer? {
        Registered::Begun { draining } => Ok(draining),
        Registered::NameInUse => Err(NotRegistered::NameInUse),
        Registered::RegistryFull => Err(NotRegistered::RegistryFull(name.to_owned())),
    }
}
