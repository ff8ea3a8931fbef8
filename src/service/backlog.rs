//! The limit of waiting tasks of each backend, `QTASK_MAX_WAITING`.
//!
//! A process counts the waiting tasks of a backend at most once a second, and adds the tasks that it accepts itself. It does not
//! see what other processes accept before its next count, nor what workers claim: all processes together exceed the limit by at
//! most what the others accept between two counts, and refuse a submission for that long after room has appeared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::debug;

use crate::store::Store;

/// The minimum time between two counts of one backend.
const MIN_VALIDITY: Duration = Duration::from_secs(1);
/// The maximum time between two counts, while tasks are submitted.
const MAX_VALIDITY: Duration = Duration::from_secs(30);
/// A count is valid for so many times its duration: one connection counts for a twentieth of the time at most.
const VALIDITY_FACTOR: u32 = 20;
/// Maximum number of backends to remember, beside those of submissions in progress.
const MAX_BACKENDS: usize = 10_000;

/// A backend with as many waiting tasks as it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogFull {
    /// The backend.
    pub backend: String,
    /// The most tasks that may wait.
    pub limit: u64,
    /// The time until the tasks are counted again.
    pub retry_after: Duration,
}

/// The limit, and what is known of each backend. Cheap to clone.
#[derive(Clone)]
pub struct BacklogLimit {
    store: Store,
    /// `None`: any number of tasks may wait.
    limit: Option<u64>,
    backends: Arc<Mutex<BTreeMap<String, Arc<Backlog>>>>,
}

impl BacklogLimit {
    /// Counts nothing until the first submission.
    pub fn new(store: Store, limit: Option<u64>) -> Self {
        Self {
            store,
            limit,
            backends: Arc::default(),
        }
    }

    /// Reserves a place for each of these tasks, given by their backends; all or none.
    pub async fn reserve<'a>(
        &self,
        backends: impl Iterator<Item = &'a str>,
    ) -> Result<BacklogReservation, BacklogFull> {
        let mut reservation = BacklogReservation::default();
        let Some(limit) = self.limit else {
            return Ok(reservation);
        };
        let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
        for backend in backends {
            *wanted.entry(backend).or_default() += 1;
        }
        for (backend, tasks) in wanted {
            let backlog = self.backlog(backend);
            let full = |retry_after| BacklogFull {
                backend: backend.to_owned(),
                limit,
                retry_after,
            };
            self.reserve_in(&backlog, backend, tasks, limit)
                .await
                .map_err(full)?;
            reservation.places.push((backlog, tasks));
        }
        Ok(reservation)
    }

    fn backlog(&self, backend: &str) -> Arc<Backlog> {
        backlog_of(&mut lock(&self.backends), backend)
    }

    /// Reserves places in one backlog; the error is the time until the next count.
    async fn reserve_in(
        &self,
        backlog: &Arc<Backlog>,
        backend: &str,
        tasks: u64,
        limit: u64,
    ) -> Result<(), Duration> {
        let reserved = lock(&backlog.estimate).reserve(tasks, limit);
        let is_fresh = lock(&backlog.estimate).is_fresh();
        match reserved {
            Ok(()) if is_fresh => Ok(()),
            Ok(()) => {
                let (store, backlog) = (self.store.clone(), Arc::clone(backlog));
                let backend = backend.to_owned();
                tokio::spawn(async move { backlog.count(&store, &backend, limit).await });
                Ok(())
            }
            Err(retry_after) if is_fresh => Err(retry_after),
            Err(_) => {
                backlog.count(&self.store, backend, limit).await;
                lock(&backlog.estimate).reserve(tasks, limit)
            }
        }
    }
}

/// Finds the backlog of a backend, or adds it. Beyond the maximum, all backends without a submission in progress are forgotten: their
/// next submission counts anew.
fn backlog_of(backends: &mut BTreeMap<String, Arc<Backlog>>, backend: &str) -> Arc<Backlog> {
    if let Some(backlog) = backends.get(backend) {
        return Arc::clone(backlog);
    }
    if backends.len() >= MAX_BACKENDS {
        backends.retain(|_, backlog| Arc::strong_count(backlog) > 1);
    }
    Arc::clone(backends.entry(backend.to_owned()).or_default())
}

/// Places in backlogs. Dropped, it gives them back, unless the tasks were stored.
#[derive(Default)]
pub struct BacklogReservation {
    places: Vec<(Arc<Backlog>, u64)>,
}

impl BacklogReservation {
    /// Keeps the places: the tasks were stored.
    pub fn keep(mut self) {
        for (backlog, tasks) in self.places.drain(..) {
            lock(&backlog.estimate).in_flight -= tasks;
        }
    }
}

impl Drop for BacklogReservation {
    fn drop(&mut self) {
        for (backlog, tasks) in self.places.drain(..) {
            let mut estimate = lock(&backlog.estimate);
            estimate.in_flight -= tasks;
            estimate.added = estimate.added.saturating_sub(tasks);
        }
    }
}

/// What is known of one backend.
#[derive(Default)]
struct Backlog {
    estimate: Mutex<Estimate>,
    /// Held during a count: concurrent submissions share it.
    counting: tokio::sync::Mutex<()>,
}

impl Backlog {
    /// Counts the waiting tasks, unless another caller has done so meanwhile. If it fails, the last count stays; without one, tasks
    /// are accepted for a second: the statement that stores them decides whether the database is there.
    async fn count(&self, store: &Store, backend: &str, limit: u64) {
        let _counting = self.counting.lock().await;
        let before = {
            let estimate = lock(&self.estimate);
            if estimate.is_fresh() {
                return;
            }
            (estimate.added, estimate.in_flight)
        };
        let began = Instant::now();
        match store.count_waiting(backend, limit).await {
            Ok(waiting) => lock(&self.estimate).record(waiting, began, before),
            Err(error) => {
                debug!(event = "task.waiting_not_counted", backend, %error, "waiting tasks not counted: the last count stays");
                let mut estimate = lock(&self.estimate);
                if estimate.counted.is_none() {
                    estimate.record(0, began, before);
                }
            }
        }
    }
}

/// The last count, and what was accepted since.
#[derive(Debug, Default)]
struct Estimate {
    counted: Option<WaitingCount>,
    /// The places reserved since the count began.
    added: u64,
    /// The places of tasks that are being stored.
    in_flight: u64,
}

#[derive(Debug, Clone, Copy)]
struct WaitingCount {
    waiting: u64,
    at: Instant,
    validity: Duration,
}

impl Estimate {
    fn is_fresh(&self) -> bool {
        self.counted
            .is_some_and(|count| count.at.elapsed() < count.validity)
    }

    /// Reserves places by the last count, whatever its age; before the first one, none. The error is the time until the next
    /// count.
    fn reserve(&mut self, tasks: u64, limit: u64) -> Result<(), Duration> {
        let count = self.counted.ok_or(MIN_VALIDITY)?;
        let waiting = count.waiting.saturating_add(self.added);
        if waiting.saturating_add(tasks) > limit {
            let left = count.validity.saturating_sub(count.at.elapsed());
            return Err(left.max(MIN_VALIDITY));
        }
        self.added += tasks;
        self.in_flight += tasks;
        Ok(())
    }

    /// Records a count that began when `added` and `in_flight` were `before`. Tasks that were in flight then may be missing from
    /// it, and count once more.
    fn record(&mut self, waiting: u64, began: Instant, before: (u64, u64)) {
        let (added, in_flight) = before;
        self.added = self.added.saturating_sub(added) + in_flight;
        self.counted = Some(WaitingCount {
            waiting,
            at: began,
            validity: (began.elapsed() * VALIDITY_FACTOR).clamp(MIN_VALIDITY, MAX_VALIDITY),
        });
    }
}

/// No code that holds one of these locks can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(waiting: u64) -> Estimate {
        let mut estimate = Estimate::default();
        estimate.record(waiting, Instant::now(), (0, 0));
        estimate
    }

    #[test]
    fn backends_are_forgotten_unless_a_submission_is_in_progress() {
        let mut backends = BTreeMap::new();
        let kept = backlog_of(&mut backends, "kept");
        for number in 1..MAX_BACKENDS {
            backlog_of(&mut backends, &format!("b{number}"));
        }
        assert_eq!(backends.len(), MAX_BACKENDS);
        backlog_of(&mut backends, "new");
        assert_eq!(backends.keys().collect::<Vec<_>>(), ["kept", "new"]);
        assert!(Arc::ptr_eq(&kept, &backlog_of(&mut backends, "kept")));
    }

    #[test]
    fn places_are_reserved_up_to_the_limit_and_batches_count_their_tasks() {
        let mut estimate = counted(3);
        assert_eq!(estimate.reserve(7, 10), Ok(()));
        assert!(estimate.reserve(1, 10).is_err());
        assert!(counted(0).reserve(11, 10).is_err());
        assert_eq!(counted(0).reserve(10, 10), Ok(()));
    }

    #[test]
    fn nothing_is_reserved_before_the_first_count() {
        let mut estimate = Estimate::default();
        assert!(!estimate.is_fresh());
        assert!(estimate.reserve(1, 10).is_err());
    }

    #[test]
    fn a_count_replaces_what_was_stored_before_it_and_keeps_what_is_being_stored() {
        let mut estimate = counted(0);
        assert_eq!(estimate.reserve(4, 10), Ok(()));
        estimate.in_flight -= 3;
        let before = (estimate.added, estimate.in_flight);
        assert_eq!(estimate.reserve(2, 10), Ok(()));
        estimate.record(3, Instant::now(), before);
        // 3 counted, 1 in flight at its start, 2 reserved during it.
        assert_eq!(estimate.added, 3);
        assert!(estimate.reserve(5, 10).is_err());
        assert_eq!(estimate.reserve(4, 10), Ok(()));
    }
}
