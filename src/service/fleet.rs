//! Workers that speak HTTP: their sessions begin and are kept alive here.

use std::time::Duration;

use serde_json::{Map, Value};
use tracing::{info, warn};
use uuid::Uuid;

use super::backends::KnownBackends;
use super::claims::release;
use super::orphans;
use crate::config::timing::LeaseSettings;
use crate::domain::owner::{Lease, Session};
use crate::store::{Beat, Heartbeat, Registered, Registration, Store, StoreError};

/// What a worker says of itself, checked.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Its name.
    pub worker_id: String,
    /// What it serves.
    pub backends: Vec<String>,
    /// What it can.
    pub capabilities: Map<String, Value>,
    /// Anything else.
    pub metadata: Map<String, Value>,
    /// Whether it takes the name from a session that is alive.
    pub replace: bool,
}

/// Keeps the registry for workers that cannot reach the database. Cheap to clone.
#[derive(Clone)]
pub struct Fleet {
    /// Where the registry is kept.
    pub store: Store,
    /// What a session gets.
    pub lease: LeaseSettings,
    /// Learns what new workers serve.
    pub backends: KnownBackends,
}

impl Fleet {
    /// Begins a session; it has begun where the answer says so. Each is a new start, that no drain of
    /// an older session holds for.
    pub async fn register(
        &self,
        enrolment: Enrolment,
    ) -> Result<(Session, Registered), StoreError> {
        let session = Session::begin(&enrolment.worker_id);
        let stop_grace = stop_grace(&enrolment.capabilities);
        let registration = Registration {
            session: session.clone(),
            backends: enrolment.backends.clone(),
            capabilities: enrolment.capabilities.into(),
            metadata: enrolment.metadata.into(),
            lease: self.lease.lease,
            stop_grace,
            replace: enrolment.replace,
            earlier: Vec::new(),
        };
        let registered = self.store.register(&registration).await?;
        if !matches!(registered, Registered::Begun { .. }) {
            return Ok((session, registered));
        }
        info!(worker_id = %session.worker_id, session_id = %session.session_id,
              backends = enrolment.backends.join(","), "worker registered over HTTP");
        self.backends.learn(enrolment.backends);
        orphans::release_soon(&self.store);
        Ok((session, registered))
    }

    /// Renews the lease of everything that the session runs. `held` is what it has in its hands, where
    /// it says so.
    pub async fn heartbeat(
        &self,
        session: &Session,
        held: Option<Vec<Uuid>>,
    ) -> Result<Heartbeat, StoreError> {
        let compares = held.is_some();
        let beat = Beat {
            held: held.unwrap_or_default(),
            ..Beat::default()
        };
        // Where a connection hangs, the other half is left for a heartbeat over a new one.
        let limit = self.lease.trusted() / 2;
        let heartbeat = self.store.heartbeat(session, &beat, limit).await?;
        if let Heartbeat::Renewed { unnamed, .. } = &heartbeat
            && compares
            && !unnamed.is_empty()
        {
            self.hand_back_unnamed(session.clone(), beat.held);
        }
        Ok(heartbeat)
    }

    /// Hands back what the session has owned for a whole lease without naming it: the answer to its
    /// claim was lost.
    fn hand_back_unnamed(&self, session: Session, held: Vec<Uuid>) {
        let (store, lease) = (self.store.clone(), self.lease.lease);
        tokio::spawn(async move {
            match unnamed(&store, &session, &held, lease).await {
                Ok(leases) => release(&store, leases, "the answer to the claim was lost").await,
                Err(error) => {
                    warn!(worker_id = %session.worker_id, %error, "unnamed tasks are left to the next heartbeat");
                }
            }
        });
    }
}

async fn unnamed(
    store: &Store,
    session: &Session,
    held: &[Uuid],
    age: Duration,
) -> Result<Vec<Lease>, StoreError> {
    let owned = store.owned_longer_than(session, held, age).await?;
    let lease = |(task_id, attempt)| Lease {
        task_id,
        attempt,
        session: session.clone(),
    };
    Ok(owned.into_iter().map(lease).collect())
}

/// The longest time that a worker may ask for to stop a task in order, in seconds.
pub const MAX_STOP_GRACE_SECONDS: f64 = 600.0;

/// What a worker says of how long it may take to stop a task; nothing where it does not say so.
fn stop_grace(capabilities: &Map<String, Value>) -> Duration {
    let seconds = capabilities
        .get("stop_grace_seconds")
        .and_then(Value::as_f64);
    let seconds = seconds
        .unwrap_or_default()
        .clamp(0.0, MAX_STOP_GRACE_SECONDS);
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
