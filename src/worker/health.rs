//! The state of a worker for health checks and metrics.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU32, Ordering};

use crate::metrics::Gauges;

/// Shared between a worker and its health endpoint.
#[derive(Debug, Default)]
pub struct WorkerHealth {
    leased: AtomicBool,
    draining: AtomicBool,
    quarantined: AtomicBool,
    /// Why the registry refused the worker.
    refused: Mutex<Option<String>>,
    /// Why no tasks arrive; `None` when they do.
    intake: Mutex<Option<String>>,
    completed: AtomicI64,
    failed: AtomicI64,
    slots: AtomicU16,
    running: AtomicU32,
}

/// Counts one running task until dropped.
pub(super) struct BusyGuard<'a>(&'a WorkerHealth);

impl Drop for BusyGuard<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WorkerHealth {
    /// A worker that has not started to claim tasks.
    pub fn starting() -> Self {
        Self {
            intake: Mutex::new(Some("starting".to_owned())),
            ..Self::default()
        }
    }

    /// `None` when the worker claims tasks; otherwise the reason why it does not.
    pub fn not_ready_reason(&self) -> Option<String> {
        if self.draining.load(Ordering::Relaxed) {
            return Some("draining".to_owned());
        }
        if !self.leased.load(Ordering::Relaxed) {
            let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            let reason = refused
                .as_deref()
                .unwrap_or("the database cannot be reached");
            return Some(format!("holds no lease: {reason}"));
        }
        self.intake
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tasks that this process completed and failed.
    pub fn counts(&self) -> (i64, i64) {
        (
            self.completed.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }

    /// The current values of the metrics.
    pub fn gauges(&self) -> Gauges {
        let (slots, running) = (
            self.slots.load(Ordering::Relaxed),
            self.running.load(Ordering::Relaxed),
        );
        Gauges::default()
            .with("worker_slots", "Tasks that can run at once", slots.into())
            .with("worker_tasks_running", "Tasks that run", running.into())
            .with_flag(
                "worker_lease_held",
                "Whether the lease is renewed",
                self.is_leased(),
            )
            .with_flag(
                "worker_consuming",
                "Whether tasks come in",
                self.not_ready_reason().is_none(),
            )
            .with_flag(
                "worker_quarantined",
                "Whether the worker is in quarantine",
                self.quarantined.load(Ordering::Relaxed),
            )
    }

    pub(super) fn set_slots(&self, slots: u16) {
        self.slots.store(slots, Ordering::Relaxed);
    }

    pub(super) fn task_begins(&self) -> BusyGuard<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        BusyGuard(self)
    }

    pub(super) fn is_leased(&self) -> bool {
        self.leased.load(Ordering::Relaxed)
    }

    pub(super) fn set_lease(&self, held: bool) {
        self.leased.store(held, Ordering::Relaxed);
    }

    /// Records why the registry refuses the worker; `None` when it does not.
    pub(super) fn set_refused(&self, reason: Option<String>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    pub(super) fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn set_quarantined(&self, is_quarantined: bool) {
        self.quarantined.store(is_quarantined, Ordering::Relaxed);
    }

    /// Records why no tasks arrive; true if this removes an earlier reason.
    pub(super) fn set_intake(&self, not_ready_reason: Option<String>) -> bool {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let freed = not_ready_reason.is_none() && intake.is_some();
        *intake = not_ready_reason;
        freed
    }

    pub(super) fn count_completed(&self) {
        self.completed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}
