//! The backends that a task may name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::{Store, StoreError};

/// How soon a backend is known after its first worker has registered, and unknown after its last one
/// has left the registry.
const REFRESH: Duration = Duration::from_secs(2);
/// From one question to the registry to the next, at the least, whatever clients send.
const REFRESH_AT_MOST: Duration = Duration::from_millis(500);
/// The most names of the registry that are kept in memory: those of living workers first. Others are looked up when
/// they are asked for.
const MAX_SERVED: usize = 10_000;
/// The most names that a refusal lists.
const MAX_LISTED: usize = 8;
/// The most names that the names of one request are compared with, all together.
const MAX_COMPARED: usize = 1_000;

/// The backends named in the configuration, and those of the workers in the registry.
///
/// A task for a backend without workers would wait until its client gives up because of a typing
/// mistake; it is refused instead.
#[derive(Clone)]
pub struct KnownBackends {
    configured: Arc<BTreeSet<String>>,
    /// Replaced by each refresh: a name goes with the last worker that serves it.
    served: Arc<RwLock<BTreeSet<String>>>,
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
            configured: Arc::new(configured.into_iter().collect()),
            served: Arc::default(),
            refreshed: Arc::default(),
            store,
        };
        let refreshed = known.clone();
        tokio::spawn(cancel.run_until_cancelled_owned(async move {
            loop {
                if let Err(error) = refreshed.refresh().await {
                    debug!(event = "database.backends_unread", %error, "served backends could not be read");
                }
                tokio::time::sleep(REFRESH).await;
            }
        }));
        known
    }

    /// Those of the names that no task may bear, each with the reason; the registry is asked once,
    /// whatever their number.
    pub async fn refusals<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<&'a str, String>, StoreError> {
        let mut unknown: BTreeSet<&str> = names.into_iter().collect();
        unknown.retain(|name| !self.contains(name));
        if !unknown.is_empty() {
            self.refresh().await?;
            unknown.retain(|name| !self.contains(name));
            self.look_up(&mut unknown).await?;
        }
        if unknown.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(explain(&unknown, &self.configured, &self.read_served()))
    }

    /// Takes out what the registry knows beyond the names in memory, if there may be any.
    async fn look_up(&self, unknown: &mut BTreeSet<&str>) -> Result<(), StoreError> {
        let is_full = self.read_served().len() >= MAX_SERVED;
        if unknown.is_empty() || !is_full {
            return Ok(());
        }
        // One at a time, whatever clients send.
        let _turn = self.refreshed.lock().await;
        let names: Vec<&str> = unknown.iter().copied().collect();
        for served in self.store.served_among(&names).await? {
            unknown.remove(served.as_str());
        }
        Ok(())
    }

    fn read_served(&self) -> RwLockReadGuard<'_, BTreeSet<String>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names in the configuration.
    pub fn configured(&self) -> Vec<String> {
        self.configured.iter().cloned().collect()
    }

    /// Up to `limit` names: those of the configuration, then those of the registry, each in order.
    pub fn some(&self, limit: usize) -> Vec<String> {
        let served = self.read_served();
        let names = all(&self.configured, &served);
        names.take(limit).cloned().collect()
    }

    fn contains(&self, backend: &str) -> bool {
        self.configured.contains(backend) || self.read_served().contains(backend)
    }

    /// Knows these until the next refresh: a worker has just registered for them. Names without room are
    /// found in the registry when a task needs them.
    pub fn learn(&self, names: impl IntoIterator<Item = String>) {
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_SERVED.saturating_sub(served.len());
        served.extend(names.into_iter().take(room));
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
        let served = self.store.served_backends(MAX_SERVED).await?;
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served.into_iter().collect();
        *refreshed = Some(began);
        Ok(())
    }
}

/// Every name once.
fn all<'a>(
    configured: &'a BTreeSet<String>,
    served: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a String> {
    configured.iter().chain(served.difference(configured))
}

/// A message for each unknown name: the nearest known one, a few of the others, and how many there are.
fn explain<'a>(
    unknown: &BTreeSet<&'a str>,
    configured: &BTreeSet<String>,
    served: &BTreeSet<String>,
) -> BTreeMap<&'a str, String> {
    let names = || all(configured, served).map(String::as_str);
    let listed: Vec<&str> = names().take(MAX_LISTED).collect();
    let listed = match names().skip(MAX_LISTED).count() {
        _ if listed.is_empty() => "no backend is known yet".to_owned(),
        0 => format!("known are {}", listed.join(", ")),
        more => format!(
            "known are {} and {more} more, which GET /backends lists",
            listed.join(", ")
        ),
    };
    let compared = MAX_COMPARED / unknown.len().max(1);
    let message = |name: &str| match nearest(name, names().take(compared)) {
        Some(near) => {
            format!("`{name}` is not served here (did you mean `{near}`?); {listed}")
        }
        None => format!("`{name}` is not served here; {listed}"),
    };
    unknown.iter().map(|name| (*name, message(name))).collect()
}

/// The known name that differs least from `name`, in a third of its letters at the most.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let most = (lower.len() / 3).max(1);
    known
        .filter(|known| known.len().abs_diff(lower.len()) <= most)
        .map(|known| (strsim::osa_distance(&lower, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_refusal_names_the_nearest_backend_a_few_others_and_their_number() {
        let configured = set(&["mock", "simulator"]);
        let served: BTreeSet<String> = (0..9_000).map(|n| format!("device-{n:04}")).collect();
        let unknown = BTreeSet::from(["Simulater", "qpu"]);
        let refusals = explain(&unknown, &configured, &served);
        let expected = "`Simulater` is not served here (did you mean `simulator`?); known are mock, simulator, \
                        device-0000, device-0001, device-0002, device-0003, device-0004, device-0005 and 8994 more, \
                        which GET /backends lists";
        assert_eq!(refusals["Simulater"], expected);
        assert!(!refusals["qpu"].contains("did you mean"));
        let few = explain(&unknown, &configured, &set(&["mock"]));
        assert_eq!(
            few["qpu"],
            "`qpu` is not served here; known are mock, simulator"
        );
    }

    #[test]
    fn a_thousand_unknown_names_are_explained_in_bounded_time() {
        let name = |n: u32| format!("{n:064}");
        let served: BTreeSet<String> = (0..10_000).map(name).collect();
        let unknown: Vec<String> = (20_000..21_000).map(name).collect();
        let unknown: BTreeSet<&str> = unknown.iter().map(String::as_str).collect();
        let began = Instant::now();
        assert_eq!(explain(&unknown, &BTreeSet::new(), &served).len(), 1_000);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
