//! Parallel work on pieces of a state, by scoped threads.

use std::sync::{Mutex, PoisonError};

/// Distributes the pieces among at most that many threads, the calling thread included; each thread has its own
/// worker. A thread that meets an error begins no further piece.
pub(crate) fn parallel_for<T, W, E>(
    pieces: Vec<T>,
    threads: usize,
    worker: impl Fn() -> W + Sync,
) -> Result<(), E>
where
    T: Send,
    E: Send,
    W: FnMut(T) -> Result<(), E>,
{
    let threads = threads.min(pieces.len());
    if threads <= 1 {
        return pieces.into_iter().try_for_each(worker());
    }
    let queue = Mutex::new(pieces.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).try_for_each(worker());
    std::thread::scope(|scope| {
        let spawn = |_| {
            std::thread::Builder::new()
                .name("simulator".to_owned())
                .spawn_scoped(scope, work)
                .ok()
        };
        // If a thread cannot be started, the others do its share.
        let helpers: Vec<_> = (1..threads).map_while(spawn).collect();
        let own = work();
        helpers.into_iter().fold(own, |so_far, helper| {
            let its = helper.join();
            so_far.and(its.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    })
}
