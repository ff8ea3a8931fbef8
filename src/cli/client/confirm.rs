//! The question before a command changes many tasks.

use std::io::{IsTerminal, Write};

use super::error::ClientError;
use super::output::Output;

/// Whether to go on: `--yes` says so, or the user of a terminal. Elsewhere `--yes` is needed.
pub async fn confirm(output: &Output, question: &str, yes: bool) -> Result<bool, ClientError> {
    if yes {
        return Ok(true);
    }
    if !output.interactive || !std::io::stdin().is_terminal() {
        let message = format!("{question} Add --yes: there is no terminal to ask on");
        return Err(ClientError::Usage(message));
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    drop(stderr);
    // On a thread of its own, so that Ctrl-C ends the command while it waits.
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let answer = answer.await.map_err(std::io::Error::other)??;
    let agrees = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if !agrees {
        output.note("Nothing was changed.");
    }
    Ok(agrees)
}
