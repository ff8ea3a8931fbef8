//! The configuration of passes.

use crate::resources::thread_budget::ThreadBudget;
use crate::statevector::simd::Level;
use std::sync::Arc;

/// The threads, the vector instructions and the sizes that passes use.
#[derive(Debug, Clone)]
pub(crate) struct ExecConfig {
    pub threads: Arc<ThreadBudget>,
    pub level: Level,
    /// Maximum qubits of a tile; at least 8, so that a tile has several vectors and rows.
    pub part_qubits: u32,
    /// Minimum work for which threads are started, as amplitudes times passes.
    pub least_shared: u64,
}

impl ExecConfig {
    /// The configuration for this machine, with those threads.
    pub(crate) fn new(threads: Arc<ThreadBudget>) -> Self {
        Self {
            threads,
            level: Level::best(),
            // The amplitudes of a tile fit the L2 cache of a core: 256 KiB of 512 or more.
            part_qubits: 14,
            // About 0.2 ms: several times the cost of starting a thread.
            least_shared: 1 << 19,
        }
    }

    /// The number of threads that are worth starting now, for that much work.
    pub(crate) fn threads(&self, work: u64) -> usize {
        if work < self.least_shared {
            1
        } else {
            self.threads.threads_per_run()
        }
    }

    /// The qubits of a state's tiles. They do not depend on the number of threads, since the order of the passes, and
    /// so the rounding, depends on them; states large enough for several threads have several tiles.
    pub(crate) fn part_of(&self, qubits: u32) -> u32 {
        let shared = match qubits {
            0..14 => qubits,
            _ => qubits - 2,
        };
        shared.min(self.part_qubits)
    }
}
