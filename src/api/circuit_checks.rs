//! Checks circuits on blocking threads, with bounded concurrency and a deadline each, so that they do not
//! delay other requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::error;

use super::Problem;
use super::body_memory::MemoryPermit;
use crate::executor::CircuitCheck;
use crate::executor::circuit_report::CircuitVerdict;
use openqasm_simulator::{Stop, Stopped};

/// Memory of one check of 8 MiB: `x q[i];` repeated takes the most.
const CHECK_BYTES: u64 = 512 << 20;
/// Texts of at least that many bytes leave much freed memory behind.
const LONG_TEXT_BYTES: usize = 1 << 20;
/// Maximum duration of one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum wait of a check for a run slot.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of waiting checks.
const MAX_QUEUED: usize = 32;

/// The checks of one server. Clones share the slots.
#[derive(Debug, Clone)]
pub struct CircuitChecks {
    run_slots: Arc<Semaphore>,
    queue_slots: Arc<Semaphore>,
    /// Returns freed memory to the system, after the check of a long text.
    return_memory: fn(),
}

impl CircuitChecks {
    /// Checks of a process whose memory is limited to that many bytes.
    pub fn new(memory_limit: Option<u64>, return_memory: fn()) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            run_slots: Arc::new(Semaphore::new(run_slots(cores, memory_limit))),
            queue_slots: Arc::new(Semaphore::new(MAX_QUEUED)),
            return_memory,
        }
    }
}

/// At most half of the cores, so that requests are answered meanwhile, and half of the memory.
fn run_slots(cores: usize, memory_limit: Option<u64>) -> usize {
    let fitting = memory_limit.map_or(u64::MAX, |bytes| bytes / 2 / CHECK_BYTES);
    let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
    (cores / 2).min(fitting).clamp(1, 4)
}

/// Stops the check when its client disconnects.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl CircuitChecks {
    /// Checks a circuit once a run slot is free. `permit` is the memory of its text.
    pub async fn check(
        &self,
        circuit_check: CircuitCheck,
        permit: MemoryPermit,
    ) -> Result<CircuitVerdict, Problem> {
        let Ok(place) = self.queue_slots.try_acquire() else {
            return Err(overloaded("Too many circuits wait to be checked"));
        };
        let Ok(Ok(turn)) = timeout(QUEUE_TIMEOUT, self.run_slots.clone().acquire_owned()).await
        else {
            return Err(overloaded("Other circuits are being checked"));
        };
        drop(place);
        let stop = Stop::new(Some(Instant::now() + CHECK_TIMEOUT));
        let stop_on_drop = StopOnDrop(stop.clone());
        let return_memory = self.return_memory;
        let checked = tokio::task::spawn_blocking(move || {
            let verdict = circuit_check.run(&stop);
            if circuit_check.text_bytes() >= LONG_TEXT_BYTES {
                return_memory();
            }
            // Returned by the thread that uses them, even if the client has disconnected.
            drop((turn, permit));
            verdict
        });
        let checked = checked.await;
        drop(stop_on_drop);
        match checked {
            Ok(Ok(verdict)) => Ok(verdict),
            Ok(Err(Stopped::DeadlineExceeded | Stopped::Cancelled)) => {
                let seconds = CHECK_TIMEOUT.as_secs();
                Err(overloaded(&format!(
                    "The check took longer than {seconds} s"
                )))
            }
            Err(reason) => {
                error!(event = "request.check_crashed", %reason, "circuit check crashed");
                Err(Problem::internal_error())
            }
        }
    }
}

fn overloaded(why: &str) -> Problem {
    let detail = format!("{why}; nothing was changed. Try again in a moment.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_take_at_most_half_of_the_cores_and_of_the_memory() {
        assert_eq!(run_slots(1, None), 1);
        assert_eq!(run_slots(64, None), 4);
        assert_eq!(run_slots(64, Some(256 << 20)), 1);
        assert_eq!(run_slots(64, Some(2 << 30)), 2);
    }
}
