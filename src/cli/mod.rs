//! The command line: one file for each subcommand.

mod client;
mod commands;
mod completions;
mod connections;
mod dev;
#[cfg(test)]
mod env_example;
mod freed_memory;
mod health;
mod help;
mod http_limits;
mod man;
mod migrate;
mod open_files;
mod process;
mod reach;
mod serve;
mod server_tls;
#[cfg(test)]
mod settings_drift;
#[cfg(test)]
mod settings_page;
mod start_line;
mod supervise;
mod version;
mod work;
mod worker_server;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::start_line::ChangedSettings;
use crate::config::access::ADMIN_TOKEN;
use crate::config::broker_parts::RABBITMQ_PASSWORD;
use crate::config::database_parts::DATABASE_PASSWORD;

/// A task service for work that is slow, precious or remote: quantum circuits and benchmark problems
#[derive(Debug, Parser)]
#[command(
    name = "qtask",
    version = version::version_and_revision(),
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(after_help = "Try `qtask dev`: all of it on this machine, with nothing to set up.")]
struct Cli {
    #[command(subcommand)]
    command: QtaskCommand,
}

#[derive(Debug, Subcommand)]
enum QtaskCommand {
    #[command(flatten)]
    Client(client::ClientCommand),
    Serve(Box<serve::ServeArgs>),
    Work(Box<work::WorkArgs>),
    Migrate(migrate::MigrateArgs),
    Health(health::HealthArgs),
    Dev(Box<dev::DevArgs>),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[command(hide = true)]
    SupervisePostgres(supervise::SuperviseArgs),
    #[command(hide = true, name = commands::WATCH)]
    WatchCommands(commands::WatchCommandsArgs),
}

/// Runs the subcommand that the arguments name.
pub fn main() -> ExitCode {
    crate::tls::install_provider();
    let command = help::grouped(Cli::command());
    let matches = command.clone().get_matches();
    let changed = || changed_settings(&command, &matches);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.command {
        QtaskCommand::Client(command) => client::main(&command),
        QtaskCommand::Serve(args) => serve::main(&args, changed()),
        QtaskCommand::Work(args) => work::main(&args, changed()),
        QtaskCommand::Migrate(args) => migrate::main(&args),
        QtaskCommand::Health(args) => health::main(&args),
        QtaskCommand::Dev(args) => dev::main(&args),
        QtaskCommand::Completions(args) => completions::main(&args, Cli::command()),
        QtaskCommand::Man(args) => man::main(&args, Cli::command()),
        QtaskCommand::SupervisePostgres(args) => supervise::main(&args),
        QtaskCommand::WatchCommands(args) => commands::watch(&args),
    }
}

/// Secrets of `serve` and `work` that are never flags: a flag is visible in the process list.
const SERVICE_SECRETS: [&str; 3] = [ADMIN_TOKEN, DATABASE_PASSWORD, RABBITMQ_PASSWORD];

/// The settings of the chosen subcommand that differ from their defaults.
fn changed_settings(command: &clap::Command, matches: &clap::ArgMatches) -> ChangedSettings {
    let chosen = matches.subcommand();
    let chosen = chosen.and_then(|(name, matches)| Some((command.find_subcommand(name)?, matches)));
    chosen.map_or_else(ChangedSettings::default, |(command, matches)| {
        ChangedSettings::of(command, matches, &SERVICE_SECRETS)
    })
}

/// The environment variables that the subcommands read.
fn variables() -> Vec<String> {
    let cli = Cli::command();
    let arguments = cli.get_subcommands().flat_map(clap::Command::get_arguments);
    let names = arguments.filter_map(|argument| argument.get_env()?.to_str());
    let without_flag = SERVICE_SECRETS.into_iter().chain(["QTASK_TOKEN"]);
    names.chain(without_flag).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_shows_an_example() {
        for command in Cli::command()
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
        {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{} has none", command.get_name());
        }
    }
}
