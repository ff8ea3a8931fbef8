//! Common parts of long-running subcommands: validated settings, a runtime, signals, an exit code.

use std::future::Future;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::InvalidSettings;
use crate::config::logging::LogSettings;
use crate::config::unknown::warn_of_unknown;
use crate::telemetry;
use crate::traces::{self, TraceSettings};

/// The exit code for invalid settings, the same as clap's for usage errors.
const USAGE: u8 = 2;
/// One thread per task that a simulator can run concurrently, and some for name lookups.
const MAX_BLOCKING_THREADS: usize = 1_100;
/// The exit code after a second stop signal: 128 + SIGINT.
const STOPPED_NOW: i32 = 130;

/// Runs `body` with the validated settings on a new runtime; cancels the token at the first SIGTERM or
/// SIGINT.
pub fn run<S, F>(
    settings: Result<S, InvalidSettings>,
    body: impl FnOnce(S, CancellationToken) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            telemetry::say(&format!(
                "error: {error}\n\nFor more information, try '--help'."
            ));
            telemetry::flush();
            return ExitCode::from(USAGE);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error.into()),
    };
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        watch_signals(stop.clone())?;
        body(settings, stop).await
    });
    // A simulation that did not stop in time must not delay the exit.
    runtime.shutdown_background();
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    };
    telemetry::flush();
    code
}

/// Starts the log; its first lines name environment variables that match no setting.
pub fn start_log(settings: LogSettings) {
    telemetry::start(settings);
    warn_of_unknown(&super::variables());
}

/// Runs `body` while the spans of this process are exported, if they are; sends the last ones after it.
pub async fn traced(
    settings: Option<TraceSettings>,
    body: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let export = settings.map(traces::start).transpose()?;
    let ended = body.await;
    if let Some(export) = export {
        export.finish().await;
    }
    ended
}

fn failure(error: &anyhow::Error) -> ExitCode {
    telemetry::say(&format!("error: {error:#}"));
    telemetry::flush();
    ExitCode::FAILURE
}

fn watch_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if stop.is_cancelled() {
                warn!(
                    event = "process.stop_forced",
                    signal = name,
                    "second stop signal received: exiting at once"
                );
                telemetry::flush();
                std::process::exit(STOPPED_NOW);
            }
            info!(
                event = "process.stop_requested",
                signal = name,
                "stop signal received: a second one exits at once"
            );
            stop.cancel();
        }
    });
    Ok(())
}
