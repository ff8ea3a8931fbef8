//! The backends that a task may name.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::{Store, StoreError};

/// How soon a backend is known after its first worker has registered.
const REFRESH: Duration = Duration::from_secs(2);
/// How often the registry is asked at the most, whatever clients send.
const REFRESH_AT_MOST: Duration = Duration::from_millis(500);

/// The backends named in the configuration, and those that any worker has ever served.
///
/// A task for a backend that nobody serves would wait for ever because of a slip of the pen; it is
/// refused instead.
#[derive(Clone)]
pub struct KnownBackends {
    names: Arc<RwLock<BTreeSet<String>>>,
    refreshed: Arc<Mutex<Option<Instant>>>,
    store: Store,
}

impl KnownBackends {
    /// Knows the configured ones at once, and keeps up with the registry until cancelled.
    pub fn start(
        configured: impl IntoIterator<Item = String>,
        store: Store,
        cancel: CancellationToken,
    ) -> Self {
        let known = Self {
            names: Arc::new(RwLock::new(configured.into_iter().collect())),
            refreshed: Arc::default(),
            store,
        };
        let refreshed = known.clone();
        tokio::spawn(cancel.run_until_cancelled_owned(async move {
            loop {
                if let Err(error) = refreshed.refresh().await {
                    debug!(%error, "the registry's backends are not known now");
                }
                tokio::time::sleep(REFRESH).await;
            }
        }));
        known
    }

    /// Whether a task may name it; the registry is asked when it is not known yet.
    pub async fn contains(&self, backend: &str) -> Result<bool, StoreError> {
        if self.lookup(backend) {
            return Ok(true);
        }
        self.refresh().await?;
        Ok(self.lookup(backend))
    }

    /// All of them, in order.
    pub fn names(&self) -> Vec<String> {
        self.names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    fn lookup(&self, backend: &str) -> bool {
        self.names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(backend)
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        // Held while asking: those who come meanwhile wait for the same answer.
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.is_some_and(|at| at.elapsed() < REFRESH_AT_MOST) {
            return Ok(());
        }
        let served = self.store.backends_ever_served().await?;
        self.names
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(served);
        *refreshed = Some(Instant::now());
        Ok(())
    }
}
