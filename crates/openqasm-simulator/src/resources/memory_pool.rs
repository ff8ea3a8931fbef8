//! Memory shared by concurrent circuits: a circuit that does not fit beside the others waits for its turn, in the
//! order of arrival, so that smaller ones cannot starve it.

use crate::resources::stop::{Stop, Stopped};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a waiting circuit checks its stop flag.
const LOOK: Duration = Duration::from_millis(20);

/// A number of bytes to share.
#[derive(Debug)]
pub struct MemoryPool {
    capacity: u64,
    queue: Mutex<WaitQueue>,
    changed: Condvar,
}

#[derive(Debug)]
struct WaitQueue {
    free: u64,
    /// The number of the next arrival.
    next: u64,
    /// The waiting circuits, in the order of arrival.
    waiting: VecDeque<u64>,
}

/// Bytes reserved until this is dropped.
#[derive(Debug)]
pub struct Reservation<'a> {
    pool: &'a MemoryPool,
    bytes: u64,
}

impl MemoryPool {
    /// A pool of that many bytes.
    pub fn new(capacity: u64) -> Self {
        Self {
            capacity,
            queue: Mutex::new(WaitQueue {
                free: capacity,
                next: 0,
                waiting: VecDeque::new(),
            }),
            changed: Condvar::new(),
        }
    }

    /// Total bytes, free or reserved.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Waits until that many bytes (at most the total) are free and reserves them.
    pub fn reserve(&self, bytes: u64, stop: &Stop) -> Result<Reservation<'_>, Stopped> {
        let bytes = bytes.min(self.capacity);
        let mut queue = self.lock();
        let number = queue.next;
        queue.next += 1;
        queue.waiting.push_back(number);
        loop {
            if queue.waiting.front() == Some(&number) && queue.free >= bytes {
                queue.waiting.pop_front();
                queue.free -= bytes;
                // The next one may fit as well.
                self.changed.notify_all();
                return Ok(Reservation { pool: self, bytes });
            }
            if let Err(stopped) = stop.check() {
                queue.waiting.retain(|other| *other != number);
                self.changed.notify_all();
                return Err(stopped);
            }
            let woken = self.changed.wait_timeout(queue, LOOK);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Never poisoned: no code that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, WaitQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation<'_> {
    /// The number of reserved bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives back all but that many bytes.
    pub fn shrink_to(&mut self, bytes: u64) {
        let given_back = self.bytes.saturating_sub(bytes);
        self.bytes -= given_back;
        self.pool.lock().free += given_back;
        self.pool.changed.notify_all();
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.pool.lock().free += self.bytes;
        self.pool.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    /// Waits until that many circuits wait.
    fn until_waiting(pool: &MemoryPool, number: usize) {
        let mut queue = pool.lock();
        while queue.waiting.len() != number {
            queue = pool.changed.wait_timeout(queue, LOOK).unwrap().0;
        }
    }

    #[test]
    fn what_does_not_fit_waits_and_is_not_passed_over() {
        let pool = MemoryPool::new(10);
        let (done, order) = mpsc::channel();
        let first = pool.reserve(6, &Stop::default()).unwrap();
        thread::scope(|scope| {
            for (number, bytes) in [(1, 8), (2, 4)] {
                let (pool, done) = (&pool, done.clone());
                scope.spawn(move || {
                    let held = pool.reserve(bytes, &Stop::default()).unwrap();
                    done.send(number).unwrap();
                    drop(held);
                });
                until_waiting(pool, number);
            }
            // The 4 free bytes would suffice for the second.
            assert!(order.try_recv().is_err());
            drop(first);
            assert_eq!([order.recv().unwrap(), order.recv().unwrap()], [1, 2]);
        });
        assert_eq!(pool.lock().free, 10);
    }

    #[test]
    fn what_is_given_back_is_free_for_others() {
        let pool = MemoryPool::new(10);
        let mut whole = pool.reserve(10, &Stop::default()).unwrap();
        whole.shrink_to(20);
        assert_eq!((whole.bytes(), pool.lock().free), (10, 0));
        whole.shrink_to(4);
        let other = pool.reserve(6, &Stop::default()).unwrap();
        assert_eq!((whole.bytes(), other.bytes()), (4, 6));
        drop((whole, other));
        assert_eq!(pool.lock().free, 10);
    }

    #[test]
    fn what_waits_can_be_stopped_and_leaves_the_line() {
        let pool = MemoryPool::new(10);
        let held = pool.reserve(10, &Stop::default()).unwrap();
        let stop = Stop::default();
        thread::scope(|scope| {
            let waits = scope.spawn(|| pool.reserve(1, &stop).map(|held| held.bytes()));
            until_waiting(&pool, 1);
            stop.cancel();
            assert_eq!(waits.join().unwrap(), Err(Stopped::Cancelled));
        });
        drop(held);
        assert_eq!(pool.reserve(100, &Stop::default()).unwrap().bytes(), 10);
    }
}
