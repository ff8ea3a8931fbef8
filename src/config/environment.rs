//! What a worker does to its surroundings before its first task and after its last.

use std::time::Duration;

use clap::Args;

use super::Checker;

/// Settings of the set-up and the teardown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Set-up and teardown")]
pub struct EnvironmentArgs {
    /// A command for `sh -c`, to be run before any task is taken; the worker ends if it fails
    #[arg(long, env = "QTASK_SETUP", value_name = "COMMAND")]
    pub setup: Option<String>,

    /// A command for `sh -c`, to be run after the last task, and also after a set-up that failed
    #[arg(long, env = "QTASK_TEARDOWN", value_name = "COMMAND")]
    pub teardown: Option<String>,

    /// How long the set-up may take
    #[arg(
        long,
        env = "QTASK_SETUP_TIMEOUT",
        value_name = "TIME",
        default_value = "10m"
    )]
    pub setup_timeout: String,

    /// How long the teardown may take
    #[arg(
        long,
        env = "QTASK_TEARDOWN_TIMEOUT",
        value_name = "TIME",
        default_value = "5m"
    )]
    pub teardown_timeout: String,
}

/// One command and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// For `sh -c`.
    pub command: String,
    /// How long it may take.
    pub timeout: Duration,
}

/// The checked settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentSettings {
    /// Before the first task.
    pub setup: Option<Hook>,
    /// After the last one.
    pub teardown: Option<Hook>,
}

impl EnvironmentArgs {
    /// The checked settings.
    pub fn check(&self, checker: &mut Checker) -> EnvironmentSettings {
        let mut hook = |name, command: &Option<String>, timeout| {
            let range = Duration::from_millis(100)..=Duration::from_hours(24);
            let timeout = checker.duration(name, timeout, range);
            let command = command.clone().filter(|command| !command.trim().is_empty());
            command.map(|command| Hook { command, timeout })
        };
        EnvironmentSettings {
            setup: hook("QTASK_SETUP_TIMEOUT", &self.setup, &self.setup_timeout),
            teardown: hook(
                "QTASK_TEARDOWN_TIMEOUT",
                &self.teardown,
                &self.teardown_timeout,
            ),
        }
    }
}
