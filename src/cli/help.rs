//! `qtask --help`: separates client commands from service commands.

use std::fmt::Write;

use clap::{Command, Subcommand};

use super::client::ClientCommand;

/// Subcommands that concern neither tasks nor the service.
const OF_THE_PROGRAM: [&str; 2] = ["completions", "man"];

const HEADING: &str = "\u{1b}[1m\u{1b}[4m";
const NAME: &str = "\u{1b}[1m";
const END: &str = "\u{1b}[0m";

/// Returns the command with its subcommands in groups; clap supports only one group.
pub fn grouped(command: Command) -> Command {
    let clients = ClientCommand::augment_subcommands(Command::new("clients"));
    let is_client = |name: &str| clients.find_subcommand(name).is_some();
    let shown = || command.get_subcommands().filter(|each| !each.is_hide_set());
    let tasks = group("Tasks", shown().filter(|each| is_client(each.get_name())));
    let is_of_program = |name: &str| OF_THE_PROGRAM.contains(&name);
    let is_of_service = |name: &str| !is_client(name) && !is_of_program(name);
    let service = group(
        "The service",
        shown().filter(|each| is_of_service(each.get_name())),
    );
    let program = group(
        "This program",
        shown().filter(|each| is_of_program(each.get_name())),
    );
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{tasks}\n{service}\n{program}\n{HEADING}Options:{END}\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

fn group<'a>(title: &str, commands: impl Iterator<Item = &'a Command>) -> String {
    let mut text = format!("{HEADING}{title}:{END}\n");
    for command in commands {
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        let padding = " ".repeat(12_usize.saturating_sub(command.get_name().len()));
        let _ = writeln!(text, "  {NAME}{}{END}{padding}{about}", command.get_name());
    }
    text
}
