//! What a worker has in its hands, and how to stop it.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Why an attempt is stopped before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A client asked for it: the task is handed back, which ends it.
    Cancelled,
    /// The worker shuts down: the task is handed back.
    Shutdown,
    /// The lease could not be renewed in time: the task is handed back, if it is still the
    /// worker's.
    LeaseInDoubt,
    /// Others may have the task already: nothing is written.
    LeaseLost,
}

/// The order to stop one attempt; the first reason given is the one that counts.
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

    /// Waits until the attempt is to stop.
    pub async fn given(&self) -> StopReason {
        self.token.cancelled().await;
        self.reason.get().copied().unwrap_or(StopReason::LeaseLost)
    }

    /// Waits until the task is known to be someone else's; for ever if it stays ours.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Waits until others may soon have the task, or have it, whatever else was the reason to stop
    /// it before.
    pub async fn unleased(&self) {
        self.unleased.cancelled().await;
    }
}

/// The attempts in hand, by task.
#[derive(Debug, Default)]
pub struct Running {
    hands: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    attempts: HashMap<Uuid, (i32, StopOrder)>,
    /// Given to every attempt that is taken in hand from here on, too.
    closing: Option<StopReason>,
}

impl Running {
    /// Takes an attempt in hand until the guard is dropped.
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

    /// The tasks in hand.
    pub fn task_ids(&self) -> Vec<Uuid> {
        self.lock().attempts.keys().copied().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().attempts.len()
    }

    /// Whether the task is in hand.
    pub fn contains(&self, task_id: Uuid) -> bool {
        self.lock().attempts.contains_key(&task_id)
    }

    /// Stops these tasks, if they are in hand.
    pub fn stop(&self, task_ids: &[Uuid], reason: StopReason) {
        let hands = self.lock();
        let found = task_ids
            .iter()
            .filter_map(|task_id| hands.attempts.get(task_id));
        found.for_each(|(_, order)| order.give(reason));
    }

    /// Stops everything.
    pub fn stop_all(&self, reason: StopReason) {
        for (_, order) in self.lock().attempts.values() {
            order.give(reason);
        }
    }

    /// Stops everything, and whatever may come yet: the answer to a claim may be under way.
    pub fn close(&self, reason: StopReason) {
        self.lock().closing = Some(reason);
        self.stop_all(reason);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        // Nothing in here can panic half way through a change.
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps an attempt in hand.
#[derive(Debug)]
pub struct RunningGuard<'a> {
    running: &'a Running,
    task_id: Uuid,
    attempt: i32,
}

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        let attempts = &mut self.running.lock().attempts;
        // A later attempt at the same task may have taken the place.
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
