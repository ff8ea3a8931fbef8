//! Checks of circuits beside the requests: on blocking threads, few at a time, each within a
//! deadline, so that the rest of the API does not feel them.

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

/// How long one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one may wait for its turn.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many may wait.
const MAX_QUEUED: usize = 32;

/// The checks of one server. Clones share their number.
#[derive(Debug, Clone)]
pub struct CircuitChecks {
    run_slots: Arc<Semaphore>,
    queue_slots: Arc<Semaphore>,
}

impl Default for CircuitChecks {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Half of the cores at most: requests are answered meanwhile. Each check may take some 420 MiB: `pow(2) @ x q;`
        // as often as 8 MiB hold it.
        let run_slots = (cores / 2).clamp(1, 4);
        Self {
            run_slots: Arc::new(Semaphore::new(run_slots)),
            queue_slots: Arc::new(Semaphore::new(MAX_QUEUED)),
        }
    }
}

/// Stops the check when its client has gone.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl CircuitChecks {
    /// Checks a circuit when its turn comes. `permit` is what its text takes.
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
            // Given back by the thread that uses them, and not by a client that hangs up.
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
                let detail = "Something is wrong with this service; its log says more under the correlation id.";
                Err(Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal_error",
                    detail,
                ))
            }
        }
    }
}

fn overloaded(why: &str) -> Problem {
    let detail = format!("{why}; nothing was changed. Try again in a moment.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
}
