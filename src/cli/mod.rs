//! The command line: one file for each subcommand.

mod connections;
mod dev;
mod health;
mod migrate;
mod process;
mod serve;
mod supervise;
mod work;
mod worker_server;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A task service for work that is slow, precious or remote: quantum circuits on simulators and
/// devices
#[derive(Debug, Parser)]
#[command(
    name = "qtask",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(after_help = "Try `qtask dev`: all of it on this machine, with nothing to set up.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Work(work::WorkArgs),
    Migrate(migrate::MigrateArgs),
    Health(health::HealthArgs),
    Dev(dev::DevArgs),
    #[command(hide = true)]
    SupervisePostgres(supervise::SuperviseArgs),
}

/// Runs the subcommand that the arguments name.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::main(&args),
        Command::Work(args) => work::main(&args),
        Command::Migrate(args) => migrate::main(&args),
        Command::Health(args) => health::main(&args),
        Command::Dev(args) => dev::main(&args),
        Command::SupervisePostgres(args) => supervise::main(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

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
