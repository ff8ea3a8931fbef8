//! Checks of circuits beside the requests: on blocking threads, few at a time, each within a
//! deadline, so that the rest of the API does not feel them.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::error;

use super::Problem;
use super::memory_permit::MemoryPermit;
use crate::executor::CircuitCheck;
use crate::executor::circuit_report::CircuitVerdict;
use openqasm_simulator::{Stop, Stopped};

/// How long one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one may wait for its turn.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many may wait.
const MAX_QUEUED: usize = 32;

/// Half of the cores at most: requests are answered meanwhile. Each check may take some 420 MiB: `pow(2) @ x q;` as often
/// as 8 MiB hold it.
static RUN_SLOTS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new((cores / 2).clamp(1, 4))
});
static QUEUE_SLOTS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(MAX_QUEUED));

/// Stops the check when its client has gone.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Checks a circuit when its turn comes. `room` is what its text takes.
pub async fn check(
    circuit_check: CircuitCheck,
    room: MemoryPermit,
) -> Result<CircuitVerdict, Problem> {
    let Ok(place) = QUEUE_SLOTS.try_acquire() else {
        return Err(overloaded("Too many circuits wait to be checked"));
    };
    let Ok(Ok(turn)) = timeout(QUEUE_TIMEOUT, RUN_SLOTS.acquire()).await else {
        return Err(overloaded("Other circuits are being checked"));
    };
    drop(place);
    let stop = Stop::new(Some(Instant::now() + CHECK_TIMEOUT));
    let stop_on_drop = StopOnDrop(stop.clone());
    let checked = tokio::task::spawn_blocking(move || {
        let verdict = circuit_check.run(&stop);
        // Given back by the thread that uses them, and not by a client that hangs up.
        drop((turn, room));
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
            error!(%reason, "a check of a circuit broke down");
            let detail =
                "Something is wrong with this service; its log says more under the correlation id.";
            Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                detail,
            ))
        }
    }
}

fn overloaded(why: &str) -> Problem {
    let detail = format!("{why}; nothing was changed. Try again in a moment.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
}
