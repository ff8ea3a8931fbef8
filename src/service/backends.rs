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
/// From one question to the registry to the next, at the least, whatever clients send.
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

    /// Those of the names that no task may bear; the registry is asked once, whatever their number.
    pub async fn unknown<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeSet<&'a str>, StoreError> {
        let mut unknown: BTreeSet<&str> = names.into_iter().collect();
        unknown.retain(|name| !self.lookup(name));
        if !unknown.is_empty() {
            self.refresh().await?;
            unknown.retain(|name| !self.lookup(name));
        }
        Ok(unknown)
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

    /// What a client is told who has named one that is not known.
    pub fn refusal(&self, backend: &str) -> String {
        let known = self.names().join(", ");
        format!("`{backend}` is not served here; known are {known}")
    }

    fn lookup(&self, backend: &str) -> bool {
        self.names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(backend)
    }

    /// Knows these from now on: a worker has just registered for them.
    pub fn learn(&self, names: impl IntoIterator<Item = String>) {
        self.names
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(names);
    }

    /// Asks the registry. What was registered before this call is known after it, in whatever process
    /// that was.
    async fn refresh(&self) -> Result<(), StoreError> {
        let called = Instant::now();
        // Held while asking: those who come meanwhile wait for the same answer.
        let mut refreshed = self.refreshed.lock().await;
        if refreshed.is_some_and(|began| began >= called) {
            return Ok(());
        }
        if let Some(began) = *refreshed {
            tokio::time::sleep(REFRESH_AT_MOST.saturating_sub(began.elapsed())).await;
        }
        let began = Instant::now();
        let served = self.store.backends_ever_served().await?;
        self.learn(served);
        *refreshed = Some(began);
        Ok(())
    }
}
