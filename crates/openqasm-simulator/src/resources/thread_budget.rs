//! The threads that circuits running at the same time share.

use std::sync::atomic::{AtomicUsize, Ordering};

/// So many threads, for however many circuits run at the moment.
#[derive(Debug)]
pub struct ThreadBudget {
    threads: usize,
    /// Circuits that run.
    circuits: AtomicUsize,
}

/// The right of one circuit to its share, until this is dropped.
#[derive(Debug)]
pub struct ThreadShare<'a>(&'a ThreadBudget);

impl ThreadBudget {
    /// A budget of that many threads; 0 is 1.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            circuits: AtomicUsize::new(0),
        }
    }

    /// One more circuit runs.
    pub(crate) fn join(&self) -> ThreadShare<'_> {
        // Nothing else is read by it.
        self.circuits.fetch_add(1, Ordering::Relaxed);
        ThreadShare(self)
    }

    /// How many threads each circuit may work with at the moment, at least one.
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
