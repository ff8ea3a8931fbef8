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
        let mut backends = lock(&self.backends);
        if let Some(backlog) = backends.get(backend) {
            return Arc::clone(backlog);
        }
        Arc::clone(backends.entry(backend.to_owned()).or_default())
    }

    /// Reserves places in one backlog; the error is the time until the next count.
    async fn reserve_in(
        &self,
        backlog: &Arc<Backlog>,
        backend: &str,
        tasks: u64,
        limit: u64,
    ) -> Result<(), Duration> {
        let mut verdict = lock(&backlog.estimate).reserve(tasks, limit);
        if matches!(verdict, Verdict::CountFirst) {
            backlog.count(&self.store, backend, limit).await;
            verdict = lock(&backlog.estimate).reserve_counted(tasks, limit);
        }
        match verdict {
            Verdict::Reserved => Ok(()),
            Verdict::ReservedStale => {
                let (store, backlog) = (self.store.clone(), Arc::clone(backlog));
                let backend = backend.to_owned();
                tokio::spawn(async move { backlog.count(&store, &backend, limit).await });
                Ok(())
            }
            Verdict::CountFirst => Err(MIN_VALIDITY),
            Verdict::Full(retry_after) => Err(retry_after),
        }
    }
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
    /// Counts the waiting tasks, unless another caller has done so meanwhile. If it fails, the last count stays.
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
                debug!(event = "backlog.not_counted", backend, %error, "waiting tasks not counted");
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

enum Verdict {
    Reserved,
    /// Reserved by an old count, which is to be renewed.
    ReservedStale,
    /// The last count is too old to refuse the tasks.
    CountFirst,
    /// The time until the next count.
    Full(Duration),
}

impl Estimate {
    fn is_fresh(&self) -> bool {
        self.counted
            .is_some_and(|count| count.at.elapsed() < count.validity)
    }

    fn reserve(&mut self, tasks: u64, limit: u64) -> Verdict {
        match self.counted {
            None => Verdict::CountFirst,
            Some(_) if !self.is_fresh() => match self.reserve_counted(tasks, limit) {
                Verdict::Reserved => Verdict::ReservedStale,
                _ => Verdict::CountFirst,
            },
            Some(_) => self.reserve_counted(tasks, limit),
        }
    }

    /// Reserves by the last count, whatever its age. If the tasks could not be counted, they are accepted: the statement that
    /// stores them decides whether the database is there.
    fn reserve_counted(&mut self, tasks: u64, limit: u64) -> Verdict {
        let waiting = self.counted.map_or(0, |count| count.waiting);
        if waiting.saturating_add(self.added).saturating_add(tasks) > limit {
            let left = self
                .counted
                .map(|count| count.validity.saturating_sub(count.at.elapsed()));
            return Verdict::Full(left.unwrap_or_default().max(MIN_VALIDITY));
        }
        self.added += tasks;
        self.in_flight += tasks;
        Verdict::Reserved
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
    fn places_are_reserved_up_to_the_limit_and_batches_count_their_tasks() {
        let mut estimate = counted(3);
        assert!(matches!(estimate.reserve(7, 10), Verdict::Reserved));
        assert!(matches!(estimate.reserve(1, 10), Verdict::Full(_)));
        assert!(matches!(counted(0).reserve(11, 10), Verdict::Full(_)));
        assert!(matches!(counted(0).reserve(10, 10), Verdict::Reserved));
    }

    #[test]
    fn tasks_are_counted_before_the_first_is_accepted_and_before_one_is_refused_by_an_old_count() {
        assert!(matches!(
            Estimate::default().reserve(1, 10),
            Verdict::CountFirst
        ));
        let mut old = counted(3);
        if let Some(count) = &mut old.counted {
            count.validity = Duration::ZERO;
        }
        assert!(matches!(old.reserve(1, 10), Verdict::ReservedStale));
        assert!(matches!(old.reserve(7, 10), Verdict::CountFirst));
    }

    #[test]
    fn a_count_replaces_what_was_stored_before_it_and_keeps_what_is_being_stored() {
        let mut estimate = counted(0);
        estimate.reserve(4, 10);
        estimate.in_flight -= 3;
        let before = (estimate.added, estimate.in_flight);
        estimate.reserve(2, 10);
        estimate.record(3, Instant::now(), before);
        // 3 counted, 1 in flight at its start, 2 reserved during it.
        assert_eq!(estimate.added, 3);
        assert!(matches!(estimate.reserve(5, 10), Verdict::Full(_)));
        assert!(matches!(estimate.reserve(4, 10), Verdict::Reserved));
    }
}
