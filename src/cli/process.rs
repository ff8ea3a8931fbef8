//! Common parts of long-running subcommands: validated settings, a runtime, signals, an exit code.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
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
/// The exit code after a stop signal while the process stops: 128 + SIGINT.
const STOPPED_NOW: i32 = 130;

/// The two stages of the end of a process.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled at the first SIGTERM or SIGINT: the process announces that it leaves, and serves on.
    pub announced: CancellationToken,
    /// Cancelled when the process must stop.
    pub stop: CancellationToken,
}

impl Shutdown {
    /// Both stages at once.
    pub fn immediate(stop: CancellationToken) -> Self {
        Self {
            announced: stop.clone(),
            stop,
        }
    }
}

/// Runs `body` with the validated settings on a new runtime; cancels the token at the first SIGTERM or
/// SIGINT.
pub fn run<S, F>(
    settings: Result<S, InvalidSettings>,
    body: impl FnOnce(S, CancellationToken) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let no_delay = |_: &S| Duration::ZERO;
    run_with_delay(settings, no_delay, |settings, shutdown| {
        body(settings, shutdown.stop)
    })
}

/// The same, with a delay between the two stages of [`Shutdown`] after SIGTERM. SIGINT, or a second signal, ends it.
pub fn run_with_delay<S, F>(
    settings: Result<S, InvalidSettings>,
    delay: impl FnOnce(&S) -> Duration,
    body: impl FnOnce(S, Shutdown) -> F,
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
        let shutdown = Shutdown::default();
        watch_signals(shutdown.clone(), delay(&settings))?;
        body(settings, shutdown).await
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
    let export = settings.as_ref().map(traces::start).transpose()?;
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

fn watch_signals(shutdown: Shutdown, delay: Duration) -> anyhow::Result<()> {
    let mut signals = StopSignals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    tokio::spawn(async move {
        let mut name = signals.next().await;
        shutdown.announced.cancel();
        if name == TERMINATE && !delay.is_zero() {
            info!(
                event = "process.stop_delayed", signal = name, delay = %humantime::format_duration(delay),
                "stop signal received: serving on for the drain delay, which a second signal ends"
            );
            if let Ok(second) = tokio::time::timeout(delay, signals.next()).await {
                name = second;
            } else {
                info!(
                    event = "process.drain_delay_ended",
                    "drain delay ended: stopping"
                );
            }
        }
        info!(
            event = "process.stop_requested",
            signal = name,
            "stop signal received: a further one exits at once"
        );
        shutdown.stop.cancel();
        let name = signals.next().await;
        warn!(
            event = "process.stop_forced",
            signal = name,
            "stop signal received while stopping: exiting at once"
        );
        telemetry::flush();
        std::process::exit(STOPPED_NOW);
    });
    Ok(())
}

const TERMINATE: &str = "SIGTERM";
const INTERRUPT: &str = "SIGINT";

/// The signals that stop a process.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Waits for a signal, and returns its name.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => TERMINATE,
            _ = self.interrupt.recv() => INTERRUPT,
        }
    }
}
