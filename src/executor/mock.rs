//! Fixed counts after a configured delay, for tests and load.
//!
//! A circuit can request a failure with a line `// mock: WORD`: `fail` (permanent), `fail-transient`,
//! `panic`, `hang` (until it is stopped), `stuck` (never ends, ignores a stop), or `sleep 250ms`
//! instead of the configured delay.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::{Control, Executor};
use crate::domain::settlement::{ErrorCode, Failure, Outcome};
use crate::domain::task::{Assignment, Work};

/// The mock backend.
#[derive(Debug, Clone, Copy)]
pub struct Mock {
    /// The duration of every task.
    pub delay: Duration,
}

impl Executor for Mock {
    fn execute<'a>(
        &'a self,
        assignment: &'a Assignment,
        control: Control,
    ) -> BoxFuture<'a, Result<Outcome, Failure>> {
        async move {
            let Work::Circuit { source, options } = &assignment.work else {
                return Err(Failure::permanent(
                    ErrorCode::UnsupportedTask,
                    "the mock runs circuits only",
                ));
            };
            let delay = self.apply_directive(source, &control).await?;
            let sleep = tokio::time::sleep(delay);
            if control.stop.run_until_cancelled(sleep).await.is_none() {
                return Err(Failure::transient(
                    ErrorCode::ExecutionError,
                    "stopped while sleeping",
                ));
            }
            let half = options.shots / 2;
            Ok(Outcome::new(
                json!({"00": options.shots - half, "11": half}),
                json!({"method": "mock"}),
            ))
        }
        .boxed()
    }
}

impl Mock {
    /// Performs the request in the circuit's text, and returns the duration of the task.
    async fn apply_directive(&self, source: &str, control: &Control) -> Result<Duration, Failure> {
        let order = source
            .lines()
            .find_map(|line| line.trim().strip_prefix("// mock:"))
            .map_or("", str::trim);
        match order.split_once(' ').unwrap_or((order, "")) {
            ("", _) => Ok(self.delay),
            ("fail", _) => Err(Failure::permanent(
                ErrorCode::ExecutionError,
                "failed, as the circuit asked",
            )),
            ("fail-transient", _) => Err(Failure::transient(
                ErrorCode::ExecutionError,
                "failed for a passing reason, as the circuit asked",
            )),
            ("panic", _) => deliberate_panic(),
            ("hang", _) => {
                control.stop.cancelled().await;
                Err(Failure::transient(
                    ErrorCode::ExecutionError,
                    "stopped while hanging",
                ))
            }
            ("stuck", _) => std::future::pending().await,
            ("sleep", time) => humantime::parse_duration(time).map_err(|error| {
                Failure::permanent(
                    ErrorCode::InvalidCircuit,
                    format!("mock: sleep {time}: {error}"),
                )
            }),
            (other, _) => Err(Failure::permanent(
                ErrorCode::InvalidCircuit,
                format!("mock: `{other}` is not an order"),
            )),
        }
    }
}

#[allow(clippy::panic, reason = "tests need an executor that panics")]
fn deliberate_panic() -> ! {
    panic!("panicked, as the circuit asked")
}
