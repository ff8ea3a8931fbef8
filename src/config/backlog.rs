//! Settings of backlogs: how many tasks may wait.

use clap::Args;

use super::Checker;

/// Settings of what a submission adds to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Backlog")]
pub struct BacklogArgs {
    /// The most tasks of one backend that may wait before submissions to it are refused; 0: any number
    #[arg(
        long,
        env = "QTASK_MAX_WAITING",
        value_name = "N",
        default_value = "1000000"
    )]
    max_waiting: String,
}

impl BacklogArgs {
    /// Validates the limit; `None` for any number of tasks.
    pub fn max_waiting(&self, checker: &mut Checker) -> Option<u64> {
        let range = 0..=1_000_000_000;
        let limit = checker.number("QTASK_MAX_WAITING", &self.max_waiting, range);
        (limit > 0).then_some(limit)
    }
}
