//! A shell command of the operator's, run for a worker, with its output in the worker's log.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::environment::Hook;

/// How long the command may take to end once it was told to.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long its last lines may take to arrive after its end; what it left running may keep its output
/// open for ever.
const LAST_LINES: Duration = Duration::from_millis(500);
/// A longer line is cut.
const MOST_LINE_BYTES: usize = 4 << 10;
/// The lines that are shown again when it has failed.
const KEPT_LINES: usize = 20;
/// The most characters that the registry is told.
const MOST_REASON: usize = 500;

/// Why a command did not do its work.
#[derive(Debug)]
pub struct HookFailure {
    /// In a few words.
    pub reason: String,
    /// The last lines of its output.
    pub output: Vec<String>,
}

impl HookFailure {
    /// The reason with the last line of the output.
    pub fn in_short(&self) -> String {
        let last = self
            .output
            .iter()
            .rev()
            .find(|line| !line.trim().is_empty());
        let text = last.map_or_else(
            || self.reason.clone(),
            |line| format!("{}: {line}", self.reason),
        );
        text.chars().take(MOST_REASON).collect()
    }
}

type LastLines = Arc<Mutex<VecDeque<String>>>;

/// Runs the command to its end, or until its time is over, or until `stop`; then it is killed with
/// everything that it has started in its process group.
pub async fn run_hook(
    name: &'static str,
    hook: &Hook,
    worker_id: &str,
    backends: &[String],
    stop: &CancellationToken,
) -> Result<(), HookFailure> {
    let last = LastLines::default();
    let ended = run(name, hook, worker_id, backends, stop, &last).await;
    ended.map_err(|reason| HookFailure {
        reason,
        output: lock(&last).iter().cloned().collect(),
    })
}

async fn run(
    name: &'static str,
    hook: &Hook,
    worker_id: &str,
    backends: &[String],
    stop: &CancellationToken,
    last: &LastLines,
) -> Result<(), String> {
    let mut child = Command::new("sh")
        .args(["-c", &hook.command])
        .env("QTASK_WORKER", worker_id)
        .env("QTASK_BACKENDS", backends.join(","))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("sh cannot be started: {error}"))?;
    let group = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .map(Pid::from_raw);
    let readers = [
        child
            .stdout
            .take()
            .map(|out| tokio::spawn(copy(name, out, last.clone()))),
        child
            .stderr
            .take()
            .map(|out| tokio::spawn(copy(name, out, last.clone()))),
    ];
    let ended = wait(&mut child, group, hook.timeout, stop).await;
    if ended.is_err() {
        signal(group, Signal::SIGKILL);
    }
    let reading = futures_util::future::join_all(readers.into_iter().flatten());
    let _ = tokio::time::timeout(LAST_LINES, reading).await;
    ended
}

async fn wait(
    child: &mut Child,
    group: Option<Pid>,
    timeout: Duration,
    stop: &CancellationToken,
) -> Result<(), String> {
    let reason = tokio::select! {
        status = child.wait() => return judge(status),
        () = tokio::time::sleep(timeout) => format!("took longer than {timeout:?}"),
        () = stop.cancelled() => "interrupted".to_owned(),
    };
    signal(group, Signal::SIGTERM);
    if tokio::time::timeout(STOP_GRACE, child.wait())
        .await
        .is_err()
    {
        signal(group, Signal::SIGKILL);
        let _ = child.wait().await;
    }
    Err(reason)
}

fn judge(status: std::io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(format!("its end is not known: {error}")),
    }
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // Nobody may be left in it.
        let _ = killpg(group, signal);
    }
}

/// Writes one stream into the log, line by line, to its end.
async fn copy(name: &'static str, stream: impl AsyncRead + Unpin, last: LastLines) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        let (used, ended) = match stream.fill_buf().await {
            Ok([]) => break,
            Ok(bytes) => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let used = end.map_or(bytes.len(), |end| end + 1);
                let text = bytes.iter().take(end.unwrap_or(used)).copied();
                line.extend(text.take(MOST_LINE_BYTES.saturating_sub(line.len())));
                (used, end.is_some())
            }
            Err(error) => {
                warn!(%error, "the output of the {name} cannot be read");
                break;
            }
        };
        stream.consume(used);
        if ended {
            note(name, &line, &last);
            line.clear();
        }
    }
    if !line.is_empty() {
        note(name, &line, &last);
    }
}

fn note(name: &str, line: &[u8], last: &LastLines) {
    let line = String::from_utf8_lossy(line);
    let line: String = line
        .trim_end()
        .chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    info!("{name}: {line}");
    let mut last = lock(last);
    if last.len() == KEPT_LINES {
        last.pop_front();
    }
    last.push_back(line);
}

fn lock(last: &LastLines) -> std::sync::MutexGuard<'_, VecDeque<String>> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}
