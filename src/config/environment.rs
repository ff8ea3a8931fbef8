//! Settings of lifecycle hooks and of the quarantine.

use std::time::Duration;

use clap::Args;

use super::Checker;
use crate::store::QuarantineRules;

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

/// Settings of the commands around each task.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Before and after each task")]
pub struct TaskHookArgs {
    /// A command for `sh -c`, to be run before each task; where it fails, the task goes to another worker first
    #[arg(long, env = "QTASK_BEFORE_TASK", value_name = "COMMAND")]
    pub before_task: Option<String>,

    /// A command for `sh -c`, to be run after each task; its failure is noted in the task's log
    #[arg(long, env = "QTASK_AFTER_TASK", value_name = "COMMAND")]
    pub after_task: Option<String>,

    /// How long each of these may take
    #[arg(
        long,
        env = "QTASK_TASK_HOOK_TIMEOUT",
        value_name = "TIME",
        default_value = "1m"
    )]
    pub task_hook_timeout: String,
}

/// Settings of the quarantine.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Quarantine")]
pub struct QuarantineArgs {
    /// How many attempts in a row may fail for a worker's environment before it takes no more tasks; 0: any number
    #[arg(
        long,
        env = "QTASK_WORKER_QUARANTINE_AFTER",
        value_name = "N",
        default_value = "3"
    )]
    pub quarantine_after: String,

    /// How long it takes none until one task at a time is a probe; doubled by each failure, up to an hour
    #[arg(
        long,
        env = "QTASK_WORKER_QUARANTINE_BACKOFF",
        value_name = "TIME",
        default_value = "1m"
    )]
    pub quarantine_backoff: String,
}

/// Settings of the command that heals.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Quarantine")]
pub struct HealArgs {
    /// A command for `sh -c`, to be run when a quarantine begins and after each backoff; its success ends the
    /// quarantine
    #[arg(long, env = "QTASK_HEAL", value_name = "COMMAND")]
    pub heal: Option<String>,

    /// How long it may take
    #[arg(
        long,
        env = "QTASK_HEAL_TIMEOUT",
        value_name = "TIME",
        default_value = "10m"
    )]
    pub heal_timeout: String,
}

impl QuarantineArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker) -> QuarantineRules {
        QuarantineRules {
            after: checker.number(
                "QTASK_WORKER_QUARANTINE_AFTER",
                &self.quarantine_after,
                0..=1_000,
            ),
            backoff: checker.duration(
                "QTASK_WORKER_QUARANTINE_BACKOFF",
                &self.quarantine_backoff,
                Duration::from_millis(100)..=Duration::from_hours(24),
            ),
        }
    }
}

/// A hook command and its timeout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The command, for `sh -c`.
    pub command: String,
    /// Timeout of the command.
    pub timeout: Duration,
}

/// The validated settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentSettings {
    /// Runs before the first task.
    pub setup: Option<Hook>,
    /// Runs after the last task.
    pub teardown: Option<Hook>,
    /// Runs before each task.
    pub before_task: Option<Hook>,
    /// Runs after each task.
    pub after_task: Option<Hook>,
    /// Runs while the worker is in quarantine.
    pub heal: Option<Hook>,
}

/// Time for a `before_task` command to end after the order to stop, with a margin.
const HOOK_STOP: Duration = Duration::from_secs(6);

impl EnvironmentSettings {
    /// Maximum time between the order to stop a task and its end, for an executor that takes `executor`.
    pub fn stop_grace(&self, executor: Duration) -> Duration {
        let before = self.before_task.as_ref().map(|_| HOOK_STOP);
        let after = self
            .after_task
            .as_ref()
            .map(|hook| hook.timeout + HOOK_STOP);
        executor.max(before.unwrap_or_default()) + after.unwrap_or_default()
    }
}

/// The commands around a worker and its tasks.
#[derive(Debug, Clone, Args)]
pub struct HookArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    #[command(flatten)]
    task: TaskHookArgs,
    #[command(flatten)]
    heal: HealArgs,
}

impl HookArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker) -> EnvironmentSettings {
        let (environment, task, heal) = (&self.environment, &self.task, &self.heal);
        let mut hook = |name, command: &Option<String>, timeout| {
            let range = Duration::from_millis(100)..=Duration::from_hours(24);
            let timeout = checker.duration(name, timeout, range);
            let command = command.clone().filter(|command| !command.trim().is_empty());
            command.map(|command| Hook { command, timeout })
        };
        EnvironmentSettings {
            setup: hook(
                "QTASK_SETUP_TIMEOUT",
                &environment.setup,
                &environment.setup_timeout,
            ),
            teardown: hook(
                "QTASK_TEARDOWN_TIMEOUT",
                &environment.teardown,
                &environment.teardown_timeout,
            ),
            before_task: hook(
                "QTASK_TASK_HOOK_TIMEOUT",
                &task.before_task,
                &task.task_hook_timeout,
            ),
            after_task: hook(
                "QTASK_TASK_HOOK_TIMEOUT",
                &task.after_task,
                &task.task_hook_timeout,
            ),
            heal: hook("QTASK_HEAL_TIMEOUT", &heal.heal, &heal.heal_timeout),
        }
    }
}
