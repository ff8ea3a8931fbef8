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
}

impl Default for CircuitChecks {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // At most half of the cores, so that requests are answered meanwhile. A check takes up to about 420 MiB:
        // `pow(2) @ x q;` repeated to 8 MiB.
        let run_slots = (cores / 2).clamp(1, 4);
        Self {
            run_slots: Arc::new(Semaphore::new(run_slots)),
            queue_slots: Arc::new(Semaphore::new(MAX_QUEUED)),
        }
    }
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
        let checked = tokio::task::spawn_blocking(move || {
            let verdict = circuit_check.run(&stop);
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
