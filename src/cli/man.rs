//! `qtask man`: manual pages generated from the help of the subcommands.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;

use super::completions::{write_error, write_out};

/// Write the manual pages: qtask(1), and one for each subcommand
///
/// Without DIR, the page of qtask itself goes to standard output.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 done, 1 a page cannot be written, 2 usage error.

Examples:
  qtask man ~/.local/share/man/man1                 # then: man qtask-submit
  qtask man | man -l -")]
pub struct ManArgs {
    /// Where the pages go, as qtask.1, qtask-submit.1, ...; created where it is missing
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Writes the pages of `command`.
pub fn main(args: &ManArgs, command: Command) -> ExitCode {
    let Some(directory) = &args.directory else {
        return page(&command)
            .map_or_else(|error| failure(&error.to_string()), |page| write_out(&page));
    };
    match write_all(directory, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&format!("{}: {error}", directory.display())),
    }
}

fn failure(message: &str) -> ExitCode {
    write_error(message);
    ExitCode::FAILURE
}

fn write_all(directory: &Path, mut command: Command) -> std::io::Result<()> {
    // Gives subcommands their full names, usage lines and inherited flags.
    command.build();
    std::fs::create_dir_all(directory)?;
    write_tree(directory, &command)
}

fn write_tree(directory: &Path, command: &Command) -> std::io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let file = directory.join(format!("{name}.1"));
    std::fs::write(file, page(command)?)?;
    let subcommands = command.get_subcommands();
    let shown = subcommands.filter(|each| !each.is_hide_set() && each.get_name() != "help");
    for subcommand in shown {
        write_tree(directory, subcommand)?;
    }
    Ok(())
}

fn page(command: &Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let name = command.get_display_name().unwrap_or(command.get_name());
    Man::new(command.clone())
        .title(name.to_uppercase())
        .source(concat!("qtask ", env!("CARGO_PKG_VERSION")))
        .manual("qtask")
        .render(&mut page)?;
    Ok(page)
}
