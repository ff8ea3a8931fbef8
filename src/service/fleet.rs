//! Workers that speak HTTP: their registration, sessions and leases.

use std::time::Duration;

use serde_json::{Map, Value};
use tracing::{info, warn};
use uuid::Uuid;

use super::backends::KnownBackends;
use super::claims::release;
use super::sweep;
use crate::config::timing::LeaseSettings;
use crate::domain::owner::{Lease, Session};
use crate::domain::problem_patterns::ProblemPatterns;
use crate::domain::settlement::{Evidence, Settlement};
use crate::store::{
    Heartbeat, HeartbeatReport, QuarantineRules, Registered, Registration, Store, StoreError,
};

/// A worker's registration, validated.
#[derive(Debug, Clone)]
pub struct WorkerRegistration {
    /// The worker's name.
    pub worker_id: String,
    /// The backends that it serves.
    pub backends: Vec<String>,
    /// Its capabilities.
    pub capabilities: Map<String, Value>,
    /// The problems that it accepts; all of them if `None`.
    pub problems: Option<ProblemPatterns>,
    /// The lease duration that it requests.
    pub lease: Option<Duration>,
    /// Any other data.
    pub metadata: Map<String, Value>,
    /// Whether it replaces a living session of the same name.
    pub replace: bool,
    /// The name of the caller's token.
    pub token_name: Option<String>,
}

/// Keeps the registry for workers that cannot reach the database. Cheap to clone.
#[derive(Clone)]
pub struct Fleet {
    /// The store of the registry.
    pub store: Store,
    /// The lease of a session.
    pub lease: LeaseSettings,
    /// When failures of its environment put a worker into quarantine.
    pub quarantine: QuarantineRules,
    /// Receives the backends of new workers.
    pub backends: KnownBackends,
}

impl Fleet {
    /// Registers a worker; its session has begun only if the answer is `Begun`. A drain of an older session does
    /// not apply to the new one.
    pub async fn register(
        &self,
        enrolment: WorkerRegistration,
    ) -> Result<(Session, Registered), StoreError> {
        let session = Session::begin(&enrolment.worker_id);
        let stop_grace = stop_grace(&enrolment.capabilities);
        let lease = self.granted_lease(enrolment.lease);
        let registration = Registration {
            session: session.clone(),
            backends: enrolment.backends.clone(),
            capabilities: enrolment.capabilities.into(),
            problems: enrolment.problems.as_ref().map(ProblemPatterns::like),
            metadata: enrolment.metadata.into(),
            lease,
            stop_grace,
            replace: enrolment.replace,
            earlier: Vec::new(),
            counts: (0, 0),
            token_name: enrolment.token_name,
        };
        let registered = self.store.register(&registration).await?;
        if !matches!(registered, Registered::Begun { .. }) {
            return Ok((session, registered));
        }
        info!(event = "worker.registered", worker_id = %session.worker_id, session_id = %session.session_id,
              backends = enrolment.backends.join(","), "worker registered");
        self.backends.learn(enrolment.backends);
        sweep::release_orphans_soon(&self.store);
        Ok((session, registered))
    }

    /// The lease for a worker that requests this one: at least the configured lease, in which its heartbeats fit.
    pub fn granted_lease(&self, asked: Option<Duration>) -> Duration {
        asked.unwrap_or_default().max(self.lease.lease)
    }

    /// Renews the lease of everything that the session runs. `held` lists the tasks that it runs, if
    /// it reports them.
    pub async fn heartbeat(
        &self,
        session: &Session,
        held: Option<Vec<Uuid>>,
    ) -> Result<Heartbeat, StoreError> {
        let compares = held.is_some();
        let beat = HeartbeatReport {
            running: held.unwrap_or_default(),
            ..HeartbeatReport::default()
        };
        // If a connection hangs, the other half is left for a heartbeat over a new one.
        let limit = self.lease.trusted() / 2;
        let heartbeat = self.store.heartbeat(session, &beat, limit).await?;
        if let Heartbeat::Renewed { unnamed, .. } = &heartbeat
            && compares
            && !unnamed.is_empty()
        {
            self.hand_back_unnamed(session.clone(), beat.running);
        }
        Ok(heartbeat)
    }

    /// Releases attempts that the session has owned for a whole lease without reporting them: the answer to
    /// their claim was lost.
    fn hand_back_unnamed(&self, session: Session, held: Vec<Uuid>) {
        let store = self.store.clone();
        tokio::spawn(async move {
            match unnamed(&store, &session, &held).await {
                Ok(leases) => release(&store, leases, "the answer to the claim was lost").await,
                Err(error) => {
                    warn!(
                        event = "worker.hand_back_delayed", worker_id = %session.worker_id, %error,
                        "hand-back delayed to the next heartbeat: the session's tasks could not be read"
                    );
                }
            }
        });
    }
}

impl Fleet {
    /// Counts the evidence of an attempt's end about the environment of a worker that speaks HTTP. The settlement
    /// is valid even if this fails.
    pub async fn judge(&self, settlement: &Settlement) {
        let session = &settlement.lease.session;
        let judged = match settlement.evidence() {
            Some(Evidence::Unfit) => self.blame(session, settlement).await,
            Some(Evidence::Fit) => self.store.absolve_worker(session).await,
            None => return,
        };
        if let Err(error) = judged {
            warn!(
                event = "worker.quarantine_update_failed", worker_id = %session.worker_id, %error,
                "quarantine state could not be written"
            );
        }
    }

    async fn blame(&self, session: &Session, settlement: &Settlement) -> Result<(), StoreError> {
        let (note, rules) = (settlement.note(), self.quarantine);
        let left = self.store.blame_worker(session, &note, rules).await?;
        if left.is_some() {
            warn!(event = "worker.quarantined", worker_id = %session.worker_id, reason = note, "worker quarantined");
        }
        Ok(())
    }
}

async fn unnamed(
    store: &Store,
    session: &Session,
    held: &[Uuid],
) -> Result<Vec<Lease>, StoreError> {
    let owned = store.attempts_owned_for_a_lease(session, held).await?;
    let lease = |(task_id, attempt)| Lease {
        task_id,
        attempt,
        session: session.clone(),
    };
    Ok(owned.into_iter().map(lease).collect())
}

/// The longest lease that a worker may request, in seconds.
pub const MAX_LEASE_SECONDS: f64 = 600.0;

/// The longest time that a worker may request for an orderly stop of a task, in seconds.
pub const MAX_STOP_GRACE_SECONDS: f64 = 600.0;

/// How long a worker may take to stop a task, from its capabilities; zero if it does not say.
fn stop_grace(capabilities: &Map<String, Value>) -> Duration {
    let seconds = capabilities
        .get("stop_grace_seconds")
        .and_then(Value::as_f64);
    let seconds = seconds
        .unwrap_or_default()
        .clamp(0.0, MAX_STOP_GRACE_SECONDS);
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
