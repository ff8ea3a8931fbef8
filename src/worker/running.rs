//! What a worker has in its hands, and how to stop it.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Why an attempt is stopped before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
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
}

impl StopOrder {
    fn give(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Waits until the attempt is to stop.
    pub async fn given(&self) -> StopReason {
        self.token.cancelled().await;
        self.reason.get().copied().unwrap_or(StopReason::LeaseLost)
    }
}

/// The attempts in hand, by task.
#[derive(Debug, Default)]
pub struct Running {
    attempts: Mutex<HashMap<Uuid, (i32, StopOrder)>>,
}

impl Running {
    /// Takes an attempt in hand until the guard is dropped.
    pub fn add(&self, task_id: Uuid, attempt: i32) -> (StopOrder, InHand<'_>) {
        let order = StopOrder::default();
        self.lock().insert(task_id, (attempt, order.clone()));
        (
            order,
            InHand {
                running: self,
                task_id,
                attempt,
            },
        )
    }

    /// The tasks in hand.
    pub fn task_ids(&self) -> Vec<Uuid> {
        self.lock().keys().copied().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Whether the task is in hand.
    pub fn contains(&self, task_id: Uuid) -> bool {
        self.lock().contains_key(&task_id)
    }

    /// Stops these tasks, if they are in hand.
    pub fn stop(&self, task_ids: &[Uuid], reason: StopReason) {
        let attempts = self.lock();
        for (_, order) in task_ids.iter().filter_map(|task_id| attempts.get(task_id)) {
            order.give(reason);
        }
    }

    /// Stops everything.
    pub fn stop_all(&self, reason: StopReason) {
        for (_, order) in self.lock().values() {
            order.give(reason);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, (i32, StopOrder)>> {
        // Nothing in here can panic half way through a change.
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps an attempt in hand.
#[derive(Debug)]
pub struct InHand<'a> {
    running: &'a Running,
    task_id: Uuid,
    attempt: i32,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let mut attempts = self.running.lock();
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
