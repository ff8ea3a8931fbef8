//! The backends that a task may name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::store::{Store, StoreError};

/// The maximum delay until a backend is known after its first worker has registered, and unknown after its
/// last one has left the registry.
const REFRESH: Duration = Duration::from_secs(2);
/// The minimum interval between queries of the registry, for any number of requests.
const REFRESH_AT_MOST: Duration = Duration::from_millis(500);
/// Maximum number of the registry's names in memory: those of living workers first. Others are queried when a
/// request names them.
const MAX_SERVED: usize = 10_000;
/// Maximum number of names that a refusal lists.
const MAX_LISTED: usize = 8;
/// Maximum number of known names that the names of one request are compared with, in total.
const MAX_COMPARED: usize = 1_000;

/// The backends named in the configuration, and those of the workers in the registry.
///
/// A task that names a backend without workers, such as a misspelled one, is refused: it would wait until its
/// client gives up.
#[derive(Clone)]
pub struct KnownBackends {
    configured: Arc<BTreeSet<String>>,
    /// Replaced by each refresh: a name is removed with the last worker that serves it.
    served: Arc<RwLock<BTreeSet<String>>>,
    refreshed: Arc<Mutex<Option<Instant>>>,
    store: Store,
}

impl KnownBackends {
    /// Knows the configured backends at once, and refreshes those of the registry until cancelled.
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

    /// The names that no task may use, each with the reason; the registry is queried once for any
    /// number of names.
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

    /// Removes names that the registry knows but memory does not hold, if there may be any.
    async fn look_up(&self, unknown: &mut BTreeSet<&str>) -> Result<(), StoreError> {
        let is_full = self.read_served().len() >= MAX_SERVED;
        if unknown.is_empty() || !is_full {
            return Ok(());
        }
        // One query at a time, for any number of requests.
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

    /// Adds these until the next refresh: a worker has just registered for them. When memory is full, the
    /// others are found in the registry when a task names them.
    pub fn learn(&self, names: impl IntoIterator<Item = String>) {
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_SERVED.saturating_sub(served.len());
        served.extend(names.into_iter().take(room));
    }

    /// Queries the registry. Registrations made before this call, in any process, are known after
    /// it.
    async fn refresh(&self) -> Result<(), StoreError> {
        let called = Instant::now();
        // Held during the query: concurrent callers wait for the same answer.
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

/// A message for each unknown name: the nearest known name, a few others, and their number.
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

/// The known name that differs least from `name`, in at most a third of its letters.
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
