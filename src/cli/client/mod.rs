//! Client commands: submit tasks, wait for them, inspect them.
//!
//! One file per command, next to the modules that they share. All commands but `check` call a running service
//! over HTTP and need no setting but its address.

mod address;
mod backends;
mod cancel;
mod cancel_many;
mod check;
mod common;
mod confirm;
mod drain;
mod error;
mod follow;
mod get;
mod http;
mod ids;
mod list;
mod log_lines;
mod logs;
mod model;
mod numbers;
mod observable_text;
mod outcome;
mod output;
mod parameters;
mod pause;
mod progress;
mod prune;
mod raw_json;
mod render;
mod request_batch;
mod rerun;
mod retry_policy;
mod selection;
mod service_access;
mod sources;
mod sse;
mod submission;
mod submit;
mod sweep_text;
mod token;
mod wait;
mod watch;
mod workers;

pub use service_access::is_this_machine;

use std::process::ExitCode;

use clap::Subcommand;
use uuid::Uuid;

use common::{Awaited, CommonArgs};
use error::{ClientError, exit};
use output::Output;

/// Maximum number of ids on one line.
const MOST_IDS: usize = 8;

/// Client commands.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    Submit(Box<submit::SubmitArgs>),
    Check(check::CheckArgs),
    Get(get::GetArgs),
    List(list::ListArgs),
    Watch(watch::WatchArgs),
    Logs(logs::LogsArgs),
    Cancel(cancel::CancelArgs),
    Rerun(rerun::RerunArgs),
    Prune(prune::PruneArgs),
    Workers(workers::WorkersArgs),
    Backends(backends::BackendsArgs),
    Pause(pause::PauseArgs),
    Resume(pause::ResumeBackendArgs),
    Drain(drain::DrainArgs),
    Undrain(drain::UndrainArgs),
    Token(token::TokenArgs),
}

impl ClientCommand {
    fn output(&self) -> Output {
        match self {
            Self::Submit(args) => args.common.output(),
            Self::Check(args) => args.output.open(),
            Self::Get(args) => args.common.output(),
            Self::List(args) => args.common.output(),
            Self::Watch(args) => args.common.output(),
            Self::Logs(args) => args.common.output(),
            Self::Cancel(args) => args.common.output(),
            Self::Rerun(args) => args.common.output(),
            Self::Prune(args) => args.common.output(),
            Self::Workers(args) => args.common().output(),
            Self::Backends(args) => args.common.output(),
            Self::Pause(args) => args.common.output(),
            Self::Resume(args) => args.common.output(),
            Self::Drain(args) => args.common.output(),
            Self::Undrain(args) => args.common.output(),
            Self::Token(args) => args.common().output(),
        }
    }

    async fn run(&self, output: &Output, awaited: Awaited) -> Result<bool, ClientError> {
        let open = async |common: &CommonArgs| common.open(awaited).await;
        match self {
            Self::Submit(args) => submit::run(args, &open(&args.common).await?).await,
            Self::Check(args) => check::run(args, output).await,
            Self::Get(args) => get::run(args, &open(&args.common).await?).await,
            Self::List(args) => list::run(args, &open(&args.common).await?).await,
            Self::Watch(args) => watch::run(args, &open(&args.common).await?).await,
            Self::Logs(args) => logs::run(args, &open(&args.common).await?).await,
            Self::Cancel(args) => cancel::run(args, &open(&args.common).await?).await,
            Self::Rerun(args) => rerun::run(args, &open(&args.common).await?).await,
            Self::Prune(args) => prune::run(args, &open(&args.common).await?).await,
            Self::Workers(args) => workers::run(args, &open(args.common()).await?).await,
            Self::Backends(args) => backends::run(&open(&args.common).await?).await,
            Self::Pause(args) => pause::pause(args, &open(&args.common).await?).await,
            Self::Resume(args) => pause::resume(args, &open(&args.common).await?).await,
            Self::Drain(args) => drain::drain(args, &open(&args.common).await?).await,
            Self::Undrain(args) => drain::undrain(args, &open(&args.common).await?).await,
            Self::Token(args) => token::run(args, &open(args.common()).await?).await,
        }
    }
}

/// Runs a command until it ends or Ctrl-C.
pub fn main(command: &ClientCommand) -> ExitCode {
    let output = command.output();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&[error.to_string()]);
            return exit::SERVICE.into();
        }
    };
    let awaited = Awaited::default();
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = command.run(&output, awaited.clone()) => Some(ended),
            interrupt = tokio::signal::ctrl_c() => match interrupt {
                Ok(()) => None,
                Err(error) => Some(Err(error.into())),
            },
        }
    });
    // A pending read of standard input or a running check must not delay the exit.
    runtime.shutdown_background();
    match ended {
        Some(Ok(true)) => ExitCode::SUCCESS,
        Some(Ok(false)) => exit::TASK_FAILED.into(),
        Some(Err(error)) => {
            output.error(&error.lines());
            // If the service is unavailable, the tasks can still be queried later; after other errors they
            // cannot.
            if matches!(error, ClientError::AlreadyReported(_)) || error.code() == exit::SERVICE {
                come_back(&output, &awaited.borrow());
            }
            error.exit_code()
        }
        None => {
            come_back(&output, &awaited.borrow());
            exit::INTERRUPTED.into()
        }
    }
}

/// Prints the command that resumes waiting; the tasks continue without the client.
fn come_back(output: &Output, awaited: &[Uuid]) {
    if awaited.is_empty() {
        return;
    }
    let shown: Vec<String> = awaited.iter().take(MOST_IDS).map(Uuid::to_string).collect();
    let rest = awaited.len() - shown.len();
    let them = if awaited.len() == 1 {
        "The task goes"
    } else {
        "The tasks go"
    };
    output.note(&format!(
        "{them} on without you. To come back:\n  qtask watch {}",
        shown.join(" ")
    ));
    if rest > 0 {
        output.note(&format!(
            "and {rest} more: qtask list --limit {}",
            awaited.len()
        ));
    }
}
