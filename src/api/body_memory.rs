//! Bounds the memory of large request bodies, as text and as parsed values, over all requests.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, Span};

use super::Problem;
use crate::store::StoreError;

/// Memory of all large bodies in progress, in KiB.
pub(super) const ALL_KIB: usize = 256 << 10;
/// Bodies up to this size need no permit, so that heartbeats are accepted under any load.
const FREE_BYTES: usize = 64 << 10;

/// The memory that the large bodies of one server share. Clones share it.
#[derive(Debug, Clone)]
pub struct BodyMemory(Arc<Semaphore>);

impl Default for BodyMemory {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL_KIB)))
    }
}

impl BodyMemory {
    /// A permit that holds nothing yet.
    pub fn permit(&self) -> MemoryPermit {
        MemoryPermit {
            memory: self.clone(),
            taken: None,
            bytes: 0,
        }
    }
}

/// The memory of one body, returned on drop.
#[derive(Debug)]
pub struct MemoryPermit {
    memory: BodyMemory,
    taken: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl MemoryPermit {
    /// Grows the permit to `bytes` bytes; returns false if there is not enough memory.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let missing = bytes.saturating_sub(FREE_BYTES).saturating_sub(self.bytes);
        if missing == 0 {
            return true;
        }
        let kib = missing.div_ceil(1024);
        let Some(permits) = u32::try_from(kib)
            .ok()
            .and_then(|kib| self.memory.0.clone().try_acquire_many_owned(kib).ok())
        else {
            return false;
        };
        match &mut self.taken {
            Some(held) => held.merge(permits),
            None => self.taken = Some(permits),
        }
        self.bytes += kib * 1024;
        true
    }

    /// Runs the work for a large body to its end and returns the memory only then. If the client disconnected
    /// first, the memory that the work still uses would otherwise not be counted.
    pub async fn hold<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        if self.taken.is_none() {
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
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn memory_is_held_until_the_work_has_ended_though_its_caller_has_gone() {
        let memory = BodyMemory::default();
        let (mut permit, mut other) = (memory.permit(), memory.permit());
        assert!(permit.try_grow(FREE_BYTES + 1));
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
        let caller = tokio::spawn(permit.hold(work));
        has_begun.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert!(!other.try_grow(all));
        end.send(()).unwrap();
        has_ended.await.unwrap();
        assert!(other.try_grow(all));
    }

    #[test]
    fn small_bodies_get_through_when_large_ones_have_taken_all_memory() {
        let memory = BodyMemory::default();
        let (mut large, mut second) = (memory.permit(), memory.permit());
        let mut small = memory.permit();
        assert!(large.try_grow(FREE_BYTES + 1));
        assert!(large.try_grow(FREE_BYTES + ALL_KIB * 1024));
        assert!(!second.try_grow(FREE_BYTES + 1));
        assert!(small.try_grow(FREE_BYTES));
        drop(large);
        assert!(second.try_grow(FREE_BYTES + 1));
    }

    #[test]
    fn two_servers_in_one_process_do_not_share_memory() {
        let (mut one, mut other) = (
            BodyMemory::default().permit(),
            BodyMemory::default().permit(),
        );
        let all = FREE_BYTES + ALL_KIB * 1024;
        assert!(one.try_grow(all) && other.try_grow(all));
    }
}
