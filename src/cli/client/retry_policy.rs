//! Retries transient failures, and reports that it does.

use std::time::{Duration, Instant};

use super::error::ClientError;
use super::output::Output;

/// Delay before the first retry; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Maximum delay, even if the service asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Maximum number of tries of a request.
const TRIES: u32 = 4;
/// Maximum outage of the service that a wait for a task tolerates.
const LONGEST_OUTAGE: Duration = Duration::from_mins(2);

fn pause(failures: u32, error: &ClientError) -> Duration {
    let own = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    error
        .retry_after()
        .unwrap_or(own)
        .clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

/// Retries a request on transient failures. The request must be idempotent.
pub async fn retrying<T>(
    output: &Output,
    mut request: impl AsyncFnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut failures = 0;
    loop {
        let error = match request().await {
            Err(error) if error.is_transient() => error,
            answer => return answer,
        };
        failures += 1;
        if failures >= TRIES {
            return Err(error);
        }
        let pause = pause(failures, &error);
        output.note(&format!("{error}\nTrying again in {}.", say(pause)));
        tokio::time::sleep(pause).await;
    }
}

fn say(pause: Duration) -> String {
    format!("{:.1} s", pause.as_secs_f32())
}

/// Tolerates a temporary outage of the service, such as a restart.
#[derive(Debug, Default)]
pub struct RetryPolicy {
    failing: Option<(Instant, u32)>,
}

impl RetryPolicy {
    /// Resets the policy after an answer.
    pub fn restore(&mut self) {
        self.failing = None;
    }

    /// Waits after a transient failure; returns the error if it is permanent or the outage exceeds the limit.
    /// Reports the outage once.
    pub async fn wait_or_fail(
        &mut self,
        output: &Output,
        error: ClientError,
    ) -> Result<(), ClientError> {
        if !error.is_transient() {
            return Err(error);
        }
        let (since, failures) = self.failing.unwrap_or((Instant::now(), 0));
        if since.elapsed() > LONGEST_OUTAGE {
            return Err(error);
        }
        if failures == 0 {
            output.note(&format!(
                "{error}\nThe tasks go on without it; trying again."
            ));
        }
        self.failing = Some((since, failures + 1));
        tokio::time::sleep(pause(failures + 1, &error)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let error = ClientError::Unreachable(String::new());
        let pauses = [1, 2, 3, 4, 5, 99].map(|failures| pause(failures, &error).as_millis());
        assert_eq!(pauses, [500, 1000, 2000, 4000, 5000, 5000]);
    }
}
