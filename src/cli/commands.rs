//! Commands: backends whose tasks an external program runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tracing::warn;
use uuid::Uuid;

use crate::config::Checker;
use crate::domain::backend::{MOCK, SIMULATOR};
use crate::executor::Command;
use crate::executor::command::{self, CommandLine, Program, Watchdog, split_commands};

/// Maximum grace period of a command.
const MAX_GRACE: Duration = Duration::from_mins(5);
/// The hidden subcommand of the watchdog that runs beside a worker with commands.
pub(super) const WATCH: &str = "watch-commands";

/// Settings of the commands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Commands")]
pub(super) struct CommandArgs {
    /// A backend and the program that runs its tasks, as `BACKEND=PROGRAM ARGS`; repeat it for
    /// several. In the environment, separated by newlines or semicolons
    #[arg(long = "command", env = "QTASK_COMMANDS", value_name = "COMMAND")]
    commands: Vec<String>,

    /// A variable of the worker's environment that commands may see; repeat it for several
    #[arg(
        long = "command-env",
        env = "QTASK_COMMAND_ENV",
        value_name = "NAME",
        value_delimiter = ','
    )]
    variables: Vec<String>,

    /// How long a command may take to end once it was told to; then it is killed
    #[arg(
        long,
        env = "QTASK_COMMAND_GRACE",
        value_name = "TIME",
        default_value = "10s"
    )]
    command_grace: String,
}

/// The checked commands, by the backend that they serve.
#[derive(Debug, Default)]
pub(super) struct Commands {
    by_backend: BTreeMap<String, Command>,
    mark: String,
}

impl CommandArgs {
    pub(super) fn check(&self, checker: &mut Checker) -> Commands {
        let range = Duration::ZERO..=MAX_GRACE;
        let template = CommandTemplate {
            environment: self.environment(checker),
            grace: checker.duration("QTASK_COMMAND_GRACE", &self.command_grace, range),
            mark: Uuid::now_v7().to_string(),
        };
        let mut commands = Commands {
            by_backend: BTreeMap::new(),
            mark: template.mark.clone(),
        };
        for text in self.commands.iter().flat_map(|text| split_commands(text)) {
            if let Err(problem) = commands.add(&text, &template) {
                checker.refuse("--command", problem);
            }
        }
        if !commands.is_empty()
            && let Err(error) = command::try_create_directory()
        {
            checker.refuse(
                "--command",
                format_args!(
                    "no directory for commands can be created in `{}` ({error}): mount one that is writable there, or set TMPDIR",
                    std::env::temp_dir().display()
                ),
            );
        }
        commands
    }

    /// Returns the variables to pass on; those that are not set are omitted.
    fn environment(&self, checker: &mut Checker) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        let mut passed = Vec::new();
        for name in self.variables.iter().map(|name| name.trim()) {
            if name.is_empty() || name.contains(['=', '\0']) {
                let problem =
                    format_args!("`{}` is not the name of a variable", name.escape_debug());
                checker.refuse("--command-env", problem);
            } else if command::OWN_VARIABLES.contains(&name) {
                checker.refuse(
                    "--command-env",
                    format_args!("`{name}` is set by qtask itself"),
                );
            } else if let Some(value) = std::env::var_os(name) {
                passed.push((name.into(), value));
            }
        }
        passed
    }
}

/// The settings that all commands share.
struct CommandTemplate {
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    grace: Duration,
    mark: String,
}

impl Commands {
    fn add(&mut self, text: &str, template: &CommandTemplate) -> Result<(), String> {
        let line: CommandLine = text.parse().map_err(|error| format!("{error}"))?;
        let backend = line.backend;
        if [SIMULATOR, MOCK].contains(&backend.as_str()) {
            return Err(format!(
                "`{backend}` is a backend of qtask itself: take another name"
            ));
        }
        if self.by_backend.contains_key(&backend) {
            return Err(format!("`{backend}` has two commands"));
        }
        let search = std::env::var_os("PATH");
        let program = Program::find(&line.program, line.arguments, search.as_deref())
            .map_err(|error| format!("`{backend}`: {error}"))?;
        let command = Command {
            program,
            environment: template.environment.clone(),
            grace: template.grace,
            mark: template.mark.clone(),
        };
        self.by_backend.insert(backend, command);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_backend.is_empty()
    }

    /// The backends that have a command.
    pub(super) fn backends(&self) -> impl Iterator<Item = &String> {
        self.by_backend.keys()
    }

    /// The command of a backend, if it has one.
    pub(super) fn get(&self, backend: &str) -> Option<&Command> {
        self.by_backend.get(backend)
    }

    /// Starts the watchdog, which ends the commands if this process is killed; `None` without commands.
    pub(super) fn guard(&self) -> anyhow::Result<Option<Watchdog>> {
        for (backend, command) in &self.by_backend {
            for argument in command.program.relative_files() {
                warn!(
                    event = "command.relative_argument",
                    backend,
                    argument,
                    "command argument is a relative path: commands run in directories of their own"
                );
            }
        }
        if self.is_empty() {
            return Ok(None);
        }
        let program = std::env::current_exe()?;
        Ok(Some(Watchdog::start(&program, &[WATCH], &self.mark)?))
    }
}

/// End the commands of a worker when standard input ends
#[derive(Debug, Args)]
pub struct WatchCommandsArgs {
    /// What its commands have in their environment
    mark: String,
    /// Where their working directories are
    folder: PathBuf,
}

pub fn watch(args: &WatchCommandsArgs) -> ExitCode {
    command::watch(&args.mark, &args.folder);
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(commands: &[&str], variables: &[&str]) -> Result<Vec<String>, String> {
        let args = CommandArgs {
            commands: commands.iter().map(ToString::to_string).collect(),
            variables: variables.iter().map(ToString::to_string).collect(),
            command_grace: "10s".to_owned(),
        };
        let mut checker = Checker::default();
        let commands = args.check(&mut checker);
        let backends = commands.backends().cloned().collect();
        checker.finish(backends).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_come_one_by_one_or_together() {
        let backends = check(&["a=sh -c 'x;y'; b=sh\nc=sh", "d=/bin/sh"], &["HOSTNAME"]);
        assert_eq!(backends.unwrap(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn commands_that_cannot_be_run_are_refused_at_once() {
        for (command, problem) in [
            ("simulator=sh", "`simulator` is a backend of qtask itself"),
            ("mock=sh", "`mock` is a backend of qtask itself"),
            ("a=sh; a=sh", "`a` has two commands"),
            (
                "a=no-such-program",
                "`a`: `no-such-program` is not found on PATH",
            ),
            ("a=/no/such", "`a`: there is no file `/no/such`"),
            ("sh", "`sh` is not of the form BACKEND=PROGRAM ARGS"),
        ] {
            let refused = check(&[command], &[]).unwrap_err();
            assert!(refused.contains(problem), "{command}: {refused}");
        }
    }

    #[test]
    fn variables_that_qtask_sets_cannot_be_passed_on() {
        let refused = check(&[], &["QTASK_TASK_ID", "A=B", ""]).unwrap_err();
        assert!(
            refused.contains("`QTASK_TASK_ID` is set by qtask itself"),
            "{refused}"
        );
        assert!(
            refused.contains("`A=B` is not the name of a variable"),
            "{refused}"
        );
        assert!(refused.contains("3 settings"), "{refused}");
    }
}
