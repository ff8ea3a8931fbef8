//! The threads shared by concurrent circuits.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of threads, divided among all running circuits.
#[derive(Debug)]
pub struct ThreadBudget {
    threads: usize,
    /// Number of running circuits.
    circuits: AtomicUsize,
}

/// The right of one circuit to its share, until this is dropped.
#[derive(Debug)]
pub struct ThreadShare<'a>(&'a ThreadBudget);

impl ThreadBudget {
    /// A budget of that many threads; 0 counts as 1.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            circuits: AtomicUsize::new(0),
        }
    }

    /// Registers one more circuit.
    pub(crate) fn join(&self) -> ThreadShare<'_> {
        // Relaxed: the counter guards no other memory.
        self.circuits.fetch_add(1, Ordering::Relaxed);
        ThreadShare(self)
    }

    /// The number of threads that each circuit may use now, at least one.
    pub(crate) fn threads_per_run(&self) -> usize {
        let circuits = self.circuits.load(Ordering::Relaxed).max(1);
        (self.threads / circuits).max(1)
    }
}

impl Drop for ThreadShare<'_> {
    fn drop(&mut self) {
        self.0.circuits.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_circuit_has_all_threads_and_several_have_equal_shares() {
        let threads = ThreadBudget::new(8);
        assert_eq!(threads.threads_per_run(), 8);
        let shares = [threads.join(), threads.join(), threads.join()];
        assert_eq!(threads.threads_per_run(), 2);
        drop(shares);
        let _one = threads.join();
        assert_eq!(threads.threads_per_run(), 8);
    }

    #[test]
    fn more_circuits_than_threads_have_one_each() {
        let threads = ThreadBudget::new(0);
        let _shares = [threads.join(), threads.join()];
        assert_eq!(threads.threads_per_run(), 1);
    }
}
