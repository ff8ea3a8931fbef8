//! `qtask completions`: shell completion scripts.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

/// Write the completions of a shell to standard output
///
/// Subcommands, flags and the words that a flag takes are completed. Load them at each start of the
/// shell, or store them once where the shell looks for completions.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 done, 1 the output cannot be written, 2 usage error.

Examples:
  qtask completions bash > ~/.local/share/bash-completion/completions/qtask
  qtask completions zsh > ~/.zfunc/_qtask           # with fpath+=~/.zfunc before compinit
  qtask completions fish > ~/.config/fish/completions/qtask.fish
  qtask completions powershell >> $PROFILE")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Writes the completions of `command`.
pub fn main(args: &CompletionsArgs, mut command: Command) -> ExitCode {
    let mut script = Vec::new();
    generate(args.shell, &mut command, "qtask", &mut script);
    write_out(&script)
}

/// Writes to standard output; a closed pipe is not an error.
pub(super) fn write_out(bytes: &[u8]) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            write_error(&format!("the output cannot be written: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes an error to standard error; a failed write is ignored.
pub(super) fn write_error(message: &str) {
    let line = format!("error: {message}\n");
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
