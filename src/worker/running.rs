//! The running attempts of a worker, and how to stop them.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Why an attempt is stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A client cancelled the task: its release ends it.
    Cancelled,
    /// The worker shuts down: the task is released.
    Shutdown,
    /// The lease could not be renewed in time: the task is released, if the worker still
    /// owns it.
    LeaseInDoubt,
    /// Another worker may own the task already: nothing is written.
    LeaseLost,
}

/// The order to stop one attempt; the first reason counts.
#[derive(Debug, Clone, Default)]
pub struct StopOrder {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
    unleased: CancellationToken,
    lost: CancellationToken,
}

impl StopOrder {
    fn give(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
        if matches!(reason, StopReason::LeaseInDoubt | StopReason::LeaseLost) {
            self.unleased.cancel();
        }
        if reason == StopReason::LeaseLost {
            self.lost.cancel();
        }
    }

    /// Waits until the attempt must stop.
    pub async fn given(&self) -> StopReason {
        self.token.cancelled().await;
        self.reason.get().copied().unwrap_or(StopReason::LeaseLost)
    }

    /// Waits until the task's lease is lost; never returns while the worker owns the task.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Waits until the lease is in doubt or lost, even if a stop was already requested for another
    /// reason.
    pub async fn unleased(&self) {
        self.unleased.cancelled().await;
    }
}

/// The running attempts, by task.
#[derive(Debug, Default)]
pub struct Running {
    hands: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    attempts: HashMap<Uuid, (i32, StopOrder)>,
    /// Also given to every attempt that is added later.
    closing: Option<StopReason>,
}

impl Running {
    /// Adds an attempt, which is removed when the guard is dropped.
    pub fn add(&self, task_id: Uuid, attempt: i32) -> (StopOrder, RunningGuard<'_>) {
        let order = StopOrder::default();
        let mut hands = self.lock();
        if let Some(reason) = hands.closing {
            order.give(reason);
        }
        hands.attempts.insert(task_id, (attempt, order.clone()));
        let in_hand = RunningGuard {
            running: self,
            task_id,
            attempt,
        };
        (order, in_hand)
    }

    /// The running tasks.
    pub fn task_ids(&self) -> Vec<Uuid> {
        self.lock().attempts.keys().copied().collect()
    }

    /// The number of running tasks.
    pub fn count(&self) -> usize {
        self.lock().attempts.len()
    }

    /// Whether the task is running.
    pub fn contains(&self, task_id: Uuid) -> bool {
        self.lock().attempts.contains_key(&task_id)
    }

    /// Stops those of these tasks that are running.
    pub fn stop(&self, task_ids: &[Uuid], reason: StopReason) {
        let hands = self.lock();
        let found = task_ids
            .iter()
            .filter_map(|task_id| hands.attempts.get(task_id));
        found.for_each(|(_, order)| order.give(reason));
    }

    /// Stops all attempts.
    pub fn stop_all(&self, reason: StopReason) {
        for (_, order) in self.lock().attempts.values() {
            order.give(reason);
        }
    }

    /// Stops all attempts, and every attempt that is added later: a claim may still be in progress.
    pub fn close(&self, reason: StopReason) {
        self.lock().closing = Some(reason);
        self.stop_all(reason);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        // No code under this lock can panic between two related changes.
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes an attempt from the running ones when dropped.
#[derive(Debug)]
pub struct RunningGuard<'a> {
    running: &'a Running,
    task_id: Uuid,
    attempt: i32,
}

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        let attempts = &mut self.running.lock().attempts;
        // A later attempt at the same task may have replaced this one.
        if attempts
            .get(&self.task_id)
            .is_some_and(|(attempt, _)| *attempt == self.attempt)
        {
            attempts.remove(&self.task_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_to_stop_is_the_one_that_counts() {
        let running = Running::default();
        let task_id = Uuid::now_v7();
        let (order, _in_hand) = running.add(task_id, 1);
        running.stop(&[task_id, Uuid::now_v7()], StopReason::LeaseLost);
        running.stop_all(StopReason::Shutdown);
        assert_eq!(order.given().await, StopReason::LeaseLost);
    }

    #[tokio::test]
    async fn a_lease_that_is_gone_is_heard_of_though_another_reason_came_first() {
        let running = Running::default();
        let task_id = Uuid::now_v7();
        let (order, _in_hand) = running.add(task_id, 1);
        running.stop(&[task_id], StopReason::Cancelled);
        assert!(!order.unleased.is_cancelled());
        running.stop_all(StopReason::LeaseInDoubt);
        order.unleased().await;
        assert_eq!(order.given().await, StopReason::Cancelled);
    }

    #[tokio::test]
    async fn an_attempt_that_comes_after_the_close_is_stopped_as_well() {
        let running = Running::default();
        running.close(StopReason::Shutdown);
        let (order, _in_hand) = running.add(Uuid::now_v7(), 1);
        assert_eq!(order.given().await, StopReason::Shutdown);
    }

    #[test]
    fn an_ended_attempt_leaves_a_later_one_at_the_same_task_in_hand() {
        let running = Running::default();
        let task_id = Uuid::now_v7();
        let (_, first) = running.add(task_id, 1);
        let (_, second) = running.add(task_id, 2);
        drop(first);
        assert!(running.contains(task_id));
        drop(second);
        assert_eq!(running.count(), 0);
    }
}
