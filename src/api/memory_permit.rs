//! Room for large bodies: what all requests together may hold in memory, as text and as values.

use std::future::Future;
use std::sync::LazyLock;

use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{Instrument, Span};

use super::Problem;
use crate::store::StoreError;

/// What all large bodies under way may take together, in KiB.
pub(super) const ALL_KIB: usize = 256 << 10;
/// A body that takes no more than this needs no room: heartbeats must get through whatever else comes.
const FREE_BYTES: usize = 64 << 10;

static ROOM: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(ALL_KIB));

/// What one body takes, given back when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryPermit {
    taken: Vec<SemaphorePermit<'static>>,
    bytes: usize,
}

impl MemoryPermit {
    /// Takes room for a body that has grown to take so many bytes; false where there is none.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let missing = bytes.saturating_sub(FREE_BYTES).saturating_sub(self.bytes);
        if missing == 0 {
            return true;
        }
        let kib = missing.div_ceil(1024);
        let Some(permits) = u32::try_from(kib)
            .ok()
            .and_then(|kib| ROOM.try_acquire_many(kib).ok())
        else {
            return false;
        };
        match self.taken.first_mut() {
            Some(held) => held.merge(permits),
            None => self.taken.push(permits),
        }
        self.bytes += kib * 1024;
        true
    }

    /// Carries out what a large body asks for, to its end, and gives the room back only then: what a
    /// client leaves behind when it hangs up would otherwise be held by nobody's count.
    pub async fn hold<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        if self.taken.is_empty() {
            return work.await;
        }
        let held = async move {
            let outcome = work.await;
            drop(self);
            outcome
        };
        tokio::spawn(held.instrument(Span::current()))
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::OutcomeUnknown("the request broke down".to_owned()).into())
            })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Mutex, oneshot};

    use super::*;

    /// The room is one for the whole process.
    static TURN: Mutex<()> = Mutex::const_new(());

    #[tokio::test]
    async fn room_is_held_until_the_work_has_ended_though_its_caller_has_gone() {
        let _turn = TURN.lock().await;
        let (mut room, mut other) = (MemoryPermit::default(), MemoryPermit::default());
        assert!(room.try_grow(FREE_BYTES + 1));
        let all = FREE_BYTES + ALL_KIB * 1024;
        let (begun, has_begun) = oneshot::channel();
        let (end, ends) = oneshot::channel::<()>();
        let (ended, has_ended) = oneshot::channel();
        let work = async move {
            begun.send(()).unwrap();
            ends.await.unwrap();
            ended.send(()).unwrap();
            Ok(())
        };
        let caller = tokio::spawn(room.hold(work));
        has_begun.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert!(!other.try_grow(all));
        end.send(()).unwrap();
        has_ended.await.unwrap();
        assert!(other.try_grow(all));
    }

    #[test]
    fn small_bodies_get_through_when_large_ones_have_taken_all_room() {
        let _turn = TURN.blocking_lock();
        let (mut large, mut second, mut small) = (
            MemoryPermit::default(),
            MemoryPermit::default(),
            MemoryPermit::default(),
        );
        assert!(large.try_grow(FREE_BYTES + 1));
        assert!(large.try_grow(FREE_BYTES + ALL_KIB * 1024));
        assert!(!second.try_grow(FREE_BYTES + 1));
        assert!(small.try_grow(FREE_BYTES));
        drop(large);
        assert!(second.try_grow(FREE_BYTES + 1));
    }
}
