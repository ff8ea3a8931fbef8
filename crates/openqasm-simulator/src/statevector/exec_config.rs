//! What passes run with.

use crate::resources::thread_budget::ThreadBudget;
use crate::statevector::simd::Level;
use std::sync::Arc;

/// The threads, the vector unit and the sizes that passes run with.
#[derive(Debug, Clone)]
pub(crate) struct ExecConfig {
    pub threads: Arc<ThreadBudget>,
    pub level: Level,
    /// Most qubits of a part; at least 8, so that a part has several vectors and rows.
    pub part_qubits: u32,
    /// Threads are begun only for that much work, as amplitudes times passes.
    pub least_shared: u64,
}

impl ExecConfig {
    /// What suits this machine, with those threads.
    pub(crate) fn new(threads: Arc<ThreadBudget>) -> Self {
        Self {
            threads,
            level: Level::best(),
            // The amplitudes fit the second cache of a core, 256 KiB of 512 or more.
            part_qubits: 14,
            // About 0.2 ms: several times what it takes to begin a thread.
            least_shared: 1 << 19,
        }
    }

    /// How many threads are worth beginning at the moment, for that much work.
    pub(crate) fn threads(&self, work: u64) -> usize {
        if work < self.least_shared {
            1
        } else {
            self.threads.threads_per_run()
        }
    }

    /// The qubits of the parts of a state. The same for any number of threads, since the order of
    /// the passes, and so the rounding, goes by it; states worth several threads have several parts.
    pub(crate) fn part_of(&self, qubits: u32) -> u32 {
        let shared = match qubits {
            0..14 => qubits,
            _ => qubits - 2,
        };
        shared.min(self.part_qubits)
    }
}
