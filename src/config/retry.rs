//! Settings of retries: the delays between the attempts of a task.

use std::time::Duration;

use clap::Args;

use super::Checker;
use crate::domain::backoff::Backoff;

/// Settings of the delays.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retries")]
pub struct RetryArgs {
    /// The delay before a second attempt; it doubles with each one
    #[arg(
        long,
        env = "QTASK_RETRY_DELAY",
        value_name = "TIME",
        default_value = "2s"
    )]
    pub retry_delay: String,

    /// The longest delay between two attempts
    #[arg(
        long,
        env = "QTASK_RETRY_DELAY_MAX",
        value_name = "TIME",
        default_value = "5m"
    )]
    pub retry_delay_max: String,
}

impl RetryArgs {
    /// Validates the delays.
    pub fn check(&self, checker: &mut Checker) -> Backoff {
        let range = Duration::from_millis(1)..=Duration::from_hours(1);
        Backoff {
            base: checker.duration("QTASK_RETRY_DELAY", &self.retry_delay, range.clone()),
            cap: checker.duration("QTASK_RETRY_DELAY_MAX", &self.retry_delay_max, range),
        }
    }
}
