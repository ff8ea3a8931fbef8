//! The slots of a worker: one for each task that may run at once. Tasks that were claimed ahead wait here for one, first come, first
//! served.
//!
//! A task that finds no slot within [`STALL`] is handed back for other workers: a long task may follow many short ones.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::ahead::{Ahead, MAX_AHEAD};
use crate::domain::settlement::Evidence;

/// The longest time in which no attempt ends while a task waits for a slot.
const STALL: Duration = Duration::from_millis(200);
/// The longest that a task waits for a slot.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// The most bytes of the texts of waiting tasks, before the last one.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// The slots, and the tasks that wait for one.
#[derive(Debug)]
pub struct WorkerSlots {
    free: Arc<Semaphore>,
    count: usize,
    state: Mutex<SlotsState>,
    /// Notified when there may be more room.
    changed: Notify,
}

#[derive(Debug, Default)]
struct SlotsState {
    /// Tasks that wait for a slot, and those that are being claimed.
    waiting: usize,
    waiting_bytes: usize,
    /// Tasks whose settlement is not written; the waiting ones are among them.
    unsettled: usize,
    ahead: Ahead,
}

/// How much a worker may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The number of tasks.
    pub tasks: usize,
    /// How many of them find a free slot.
    pub free_slots: usize,
    /// The bytes of their texts, before the last task.
    pub bytes: usize,
}

/// A request of a task for a slot, from before its claim: it has one, or waits.
#[derive(Debug)]
pub struct SlotRequest {
    hold: Hold,
    unsettled: Unsettled,
}

#[derive(Debug)]
enum Hold {
    Slot(Permit),
    Wait(SlotWait),
}

/// A slot that a task occupies.
#[derive(Debug)]
pub struct Slot {
    permit: Permit,
    unsettled: Unsettled,
}

/// Counts a task until its settlement is written.
#[derive(Debug)]
pub struct Unsettled(Arc<WorkerSlots>);

/// Counts a task of that many bytes as waiting.
#[derive(Debug)]
struct SlotWait {
    slots: Arc<WorkerSlots>,
    bytes: usize,
    since: Instant,
}

/// Notifies the intake once it is released.
#[derive(Debug)]
struct Permit {
    slots: Arc<WorkerSlots>,
    permit: Option<OwnedSemaphorePermit>,
}

impl WorkerSlots {
    /// All of them free.
    pub fn new(count: u16) -> Self {
        let count = usize::from(count);
        Self {
            free: Arc::new(Semaphore::new(count)),
            count,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// A request that has a slot, after the tasks that wait for one; `None` never, because the semaphore is not closed.
    pub async fn acquire(self: &Arc<Self>) -> Option<SlotRequest> {
        let permit = self.free.clone().acquire_owned().await.ok()?;
        Some(SlotRequest {
            hold: Hold::Slot(Permit::new(self, permit)),
            unsettled: Unsettled::new(self),
        })
    }

    /// A request for a slot, by a task of that many bytes.
    pub fn request(self: &Arc<Self>, bytes: usize) -> SlotRequest {
        let unsettled = Unsettled::new(self);
        let hold = match self.free.clone().try_acquire_owned() {
            Ok(permit) => Hold::Slot(Permit::new(self, permit)),
            Err(_) => Hold::Wait(SlotWait::new(self, bytes)),
        };
        SlotRequest { hold, unsettled }
    }

    /// Waits until a task may be claimed, and half of those that may wait: their claims share a statement.
    pub async fn room(&self) -> Room {
        loop {
            let changed = self.changed.notified();
            if let Some(room) = self.room_now() {
                return room;
            }
            changed.await;
        }
    }

    /// Waits until a task would find a free slot.
    pub async fn free_room(&self) {
        loop {
            let changed = self.changed.notified();
            if self.room_now().is_some_and(|room| room.free_slots > 0) {
                return;
            }
            changed.await;
        }
    }

    fn room_now(&self) -> Option<Room> {
        let state = self.lock();
        let free_slots = self.free.available_permits();
        let ahead = state.ahead.tasks(self.count, Instant::now());
        let most_unsettled = self.count + 2 * MAX_AHEAD;
        let tasks = (free_slots + ahead)
            .saturating_sub(state.waiting)
            .min(most_unsettled.saturating_sub(state.unsettled));
        let free_slots = free_slots.saturating_sub(state.waiting).min(tasks);
        let bytes = MAX_WAITING_BYTES
            .saturating_sub(state.waiting_bytes)
            .max(free_slots.min(1));
        (tasks > 0 && tasks >= ahead / 2 && bytes > 0).then_some(Room {
            tasks,
            free_slots,
            bytes,
        })
    }

    fn lock(&self) -> MutexGuard<'_, SlotsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerSlots {
    /// Returns when a task that waits since then has waited for too long.
    async fn stalled(&self, since: Instant) {
        loop {
            let last_end = self.lock().ahead.last_end().unwrap_or(since);
            let ends_at = (last_end.max(since) + STALL).min(since + LONGEST_WAIT);
            if ends_at <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(ends_at.into()).await;
        }
    }
}

impl SlotRequest {
    /// Whether the task has a slot.
    pub const fn has_slot(&self) -> bool {
        matches!(self.hold, Hold::Slot(_))
    }

    /// Sets the bytes of the task, once they are known.
    pub fn set_bytes(&mut self, bytes: usize) {
        if let Hold::Wait(waiting) = &mut self.hold {
            let mut state = waiting.slots.lock();
            state.waiting_bytes = state.waiting_bytes.saturating_sub(waiting.bytes) + bytes;
            waiting.bytes = bytes;
        }
    }

    /// Waits for a slot until `given_up`, or until none has become free for too long; the task is then to be handed back.
    pub async fn slot(self, given_up: impl Future<Output = ()>) -> Result<Slot, Unsettled> {
        let unsettled = self.unsettled;
        let waiting = match self.hold {
            Hold::Slot(permit) => return Ok(Slot { permit, unsettled }),
            Hold::Wait(waiting) => waiting,
        };
        let slots = &waiting.slots;
        let acquired = tokio::select! {
            // A free slot is taken in any case.
            biased;
            acquired = slots.free.clone().acquire_owned() => acquired.ok(),
            () = given_up => None,
            () = slots.stalled(waiting.since) => None,
        };
        match acquired {
            Some(permit) => Ok(Slot {
                permit: Permit::new(slots, permit),
                unsettled,
            }),
            None => Err(unsettled),
        }
    }
}

impl Slot {
    /// Records how long an attempt occupied the slot, and what it says about the worker's environment.
    pub fn note(&self, duration: Duration, evidence: Option<Evidence>) {
        let now = Instant::now();
        let ahead = &mut self.permit.slots.lock().ahead;
        if evidence == Some(Evidence::Unfit) {
            ahead.note_unfit(now);
        } else {
            ahead.note(duration, now);
        }
    }

    /// Frees the slot. The task counts as unsettled until the answer is dropped.
    pub fn free(self) -> Unsettled {
        self.unsettled
    }
}

impl Unsettled {
    fn new(slots: &Arc<WorkerSlots>) -> Self {
        slots.lock().unsettled += 1;
        Self(slots.clone())
    }
}

impl SlotWait {
    fn new(slots: &Arc<WorkerSlots>, bytes: usize) -> Self {
        let mut state = slots.lock();
        state.waiting += 1;
        state.waiting_bytes += bytes;
        drop(state);
        Self {
            slots: slots.clone(),
            bytes,
            since: Instant::now(),
        }
    }
}

impl Permit {
    fn new(slots: &Arc<WorkerSlots>, permit: OwnedSemaphorePermit) -> Self {
        Self {
            slots: slots.clone(),
            permit: Some(permit),
        }
    }
}

impl From<Slot> for SlotRequest {
    fn from(Slot { permit, unsettled }: Slot) -> Self {
        Self {
            hold: Hold::Slot(permit),
            unsettled,
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.unsettled = state.unsettled.saturating_sub(1);
        drop(state);
        self.0.changed.notify_one();
    }
}

impl Drop for SlotWait {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        state.waiting = state.waiting.saturating_sub(1);
        state.waiting_bytes = state.waiting_bytes.saturating_sub(self.bytes);
        drop(state);
        self.slots.changed.notify_one();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.slots.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
