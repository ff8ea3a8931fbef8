//! Limits the concurrent calls to each host: a receiver that does not answer occupies only a few of the slots
//! of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The maximum number of concurrent calls to one host.
pub const PER_HOST: i32 = 8;

/// The number of calls in progress, by host.
#[derive(Debug, Default)]
pub struct HostLimiter {
    calls: Mutex<HashMap<String, i32>>,
    /// Notified when a host at its limit gets a free slot.
    room: Notify,
}

impl HostLimiter {
    /// Counts a call until the guard is dropped.
    pub fn add(self: &Arc<Self>, host: &str) -> HostPermit {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(host.to_owned()).or_default() += 1;
        HostPermit {
            host_limiter: Arc::clone(self),
            host: host.to_owned(),
        }
    }

    /// The host of each call, once per call.
    pub fn hosts(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let times = |(host, count): (&String, &i32)| {
            std::iter::repeat_n(host.clone(), usize::try_from(*count).unwrap_or_default())
        };
        calls.iter().flat_map(times).collect()
    }

    /// Waits until a host at its limit gets a free slot, or returns at once if one did since the last call.
    pub async fn room(&self) {
        self.room.notified().await;
    }

    fn remove(&self, host: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = calls.get_mut(host) else {
            return;
        };
        if *count >= PER_HOST {
            self.room.notify_one();
        }
        *count -= 1;
        if *count == 0 {
            calls.remove(host);
        }
    }
}

/// A call in progress.
#[derive(Debug)]
pub struct HostPermit {
    host_limiter: Arc<HostLimiter>,
    host: String,
}

impl Drop for HostPermit {
    fn drop(&mut self) {
        self.host_limiter.remove(&self.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_that_was_full_has_room_when_one_of_its_calls_is_over() {
        let host_limiter = Arc::<HostLimiter>::default();
        let mut calls: Vec<HostPermit> = (0..PER_HOST).map(|_| host_limiter.add("a")).collect();
        let other = host_limiter.add("b");
        assert_eq!(host_limiter.hosts().len(), 9);
        drop(other);
        calls.pop();
        host_limiter.room().await;
        assert_eq!(host_limiter.hosts(), ["a"; 7]);
        calls.clear();
        assert!(host_limiter.hosts().is_empty());
    }
}
