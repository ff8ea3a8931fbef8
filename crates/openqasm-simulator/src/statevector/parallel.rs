//! Work on pieces of a state, shared by threads that live as long as it takes.

use crate::resources::stop::Stopped;
use std::sync::{Mutex, PoisonError};

/// Gives each piece to one of at most so many threads, this one among them; each thread works with
/// a worker of its own. After an error no further piece is begun by the thread that met it.
pub(crate) fn parallel_for<T, W>(
    pieces: Vec<T>,
    threads: usize,
    worker: impl Fn() -> W + Sync,
) -> Result<(), Stopped>
where
    T: Send,
    W: FnMut(T) -> Result<(), Stopped>,
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
        // Where no thread can be had, the others do its share.
        let helpers: Vec<_> = (1..threads).map_while(spawn).collect();
        let own = work();
        helpers.into_iter().fold(own, |so_far, helper| {
            let its = helper.join();
            so_far.and(its.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    })
}
