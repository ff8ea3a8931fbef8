//! A shell command that an operator configured, run for a worker or for one of its tasks.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::environment::Hook;
use crate::domain::log::{Level, LogLine};
use crate::executor::LogBuffer;
use crate::process::ProcessGroup;

/// How long the command may take to end after SIGTERM.
pub const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long its last lines may take to arrive after its end; a process that it left running may keep its
/// output open.
const LAST_LINES: Duration = Duration::from_millis(500);
/// A longer line is truncated.
const MOST_LINE_BYTES: usize = 4 << 10;
/// The number of last lines that are logged again when it has failed.
const KEPT_LINES: usize = 20;
/// How many last lines of standard error the registry keeps.
const TOLD_LINES: usize = 5;
/// The maximum number of characters that the registry keeps of them.
const MOST_TOLD: usize = 1_000;

/// Why a command failed.
#[derive(Debug)]
pub struct HookFailure {
    /// A short reason.
    pub reason: String,
    /// The last lines of its output.
    pub output: Vec<String>,
    /// The last lines of its standard error, or of its output if that is empty.
    errors: Vec<String>,
}

impl HookFailure {
    /// The reason with the last lines of standard error, which are the most specific; only their end if they are long.
    pub fn in_short(&self) -> String {
        let lines = self.errors.iter().map(|line| line.trim());
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            return self.reason.clone();
        }
        let told = lines
            .get(lines.len().saturating_sub(TOLD_LINES)..)
            .unwrap_or_default()
            .join("; ");
        let cut = told.chars().count().saturating_sub(MOST_TOLD);
        let told: String = told.chars().skip(cut).collect();
        format!("{}: {told}", self.reason)
    }
}

/// The destination of a command's output.
#[derive(Debug, Clone)]
pub enum HookOutput {
    /// The log of the worker.
    Log,
    /// The log of the task.
    Task(LogBuffer),
}

#[derive(Debug, Default)]
struct LastLines(Mutex<VecDeque<String>>);

impl LastLines {
    fn add(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    fn take(&self) -> Vec<String> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.drain(..).collect()
    }
}

/// The lines read from one stream of the command.
#[derive(Clone)]
struct LineReader {
    name: &'static str,
    output: HookOutput,
    /// Lines of both streams, and lines of this one.
    last: [Arc<LastLines>; 2],
}

/// Runs the command to its end, or until its timeout, or until `stop`; then it is killed with
/// every process in its process group.
pub async fn run_hook(
    name: &'static str,
    hook: &Hook,
    environment: &[(&'static str, String)],
    output: HookOutput,
    stop: &CancellationToken,
) -> Result<(), HookFailure> {
    let [all, errors] = [(); 2].map(|()| Arc::new(LastLines::default()));
    let reader = |own: &Arc<LastLines>| LineReader {
        name,
        output: output.clone(),
        last: [all.clone(), own.clone()],
    };
    let readers = (reader(&Arc::default()), reader(&errors));
    let ended = run(hook, environment, stop, readers).await;
    ended.map_err(|reason| {
        let output = all.take();
        let errors = Some(errors.take()).filter(|lines| !lines.is_empty());
        HookFailure {
            reason,
            errors: errors.unwrap_or_else(|| output.clone()),
            output,
        }
    })
}

async fn run(
    hook: &Hook,
    environment: &[(&'static str, String)],
    stop: &CancellationToken,
    (of_output, of_errors): (LineReader, LineReader),
) -> Result<(), String> {
    let mut child = Command::new("sh")
        .args(["-c", &hook.command])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("sh cannot be started: {error}"))?;
    let group = ProcessGroup::of_child(&child);
    let readers = [
        child
            .stdout
            .take()
            .map(|out| tokio::spawn(copy(out, of_output))),
        child
            .stderr
            .take()
            .map(|out| tokio::spawn(copy(out, of_errors))),
    ];
    let ended = wait(&mut child, group, hook.timeout, stop).await;
    if ended.is_err() {
        kill(group);
    }
    let reading = futures_util::future::join_all(readers.into_iter().flatten());
    let _ = tokio::time::timeout(LAST_LINES, reading).await;
    ended
}

async fn wait(
    child: &mut Child,
    group: Option<ProcessGroup>,
    timeout: Duration,
    stop: &CancellationToken,
) -> Result<(), String> {
    let reason = tokio::select! {
        status = child.wait() => return judge(status),
        () = tokio::time::sleep(timeout) => format!("took longer than {timeout:?}"),
        () = stop.cancelled() => "interrupted".to_owned(),
    };
    if let Some(group) = group {
        group.terminate();
    }
    if tokio::time::timeout(STOP_GRACE, child.wait())
        .await
        .is_err()
    {
        kill(group);
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

fn kill(group: Option<ProcessGroup>) {
    if let Some(group) = group {
        group.kill();
    }
}

/// Reads one stream, line by line, to its end.
async fn copy(stream: impl AsyncRead + Unpin, reader: LineReader) {
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
                warn!(event = "hook.output_unreadable", hook = reader.name, %error, "hook output could not be read");
                break;
            }
        };
        stream.consume(used);
        if ended {
            reader.note(&line);
            line.clear();
        }
    }
    if !line.is_empty() {
        reader.note(&line);
    }
}

impl LineReader {
    fn note(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line: String = line.trim_end().chars().map(readable).collect();
        match &self.output {
            HookOutput::Log => info!(
                event = "hook.output",
                hook = self.name,
                line,
                "hook wrote a line"
            ),
            HookOutput::Task(log_buffer) => log_buffer.log(LogLine {
                logged_at: None,
                level: Level::Info,
                message: line.clone(),
                context: Some(json!({"hook": self.name})),
            }),
        }
        self.last.iter().for_each(|last| last.add(&line));
    }
}

fn readable(c: char) -> char {
    if c.is_control() && c != '\t' {
        '\u{fffd}'
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_is_told_with_the_last_lines_of_standard_error() {
        let hook = Hook {
            command:
                "echo looking; for n in 1 2 3 4 5 6; do echo line $n >&2; done; echo looked; exit 3"
                    .to_owned(),
            timeout: Duration::from_mins(1),
        };
        let never = CancellationToken::new();
        let failed = run_hook("test", &hook, &[], HookOutput::Log, &never).await;
        let failure = failed.unwrap_err();
        assert_eq!(
            failure.in_short(),
            "exit status: 3: line 2; line 3; line 4; line 5; line 6"
        );
        assert_eq!(failure.output.len(), 8);
    }

    #[tokio::test]
    async fn the_output_of_a_command_for_a_task_is_the_tasks() {
        let hook = Hook {
            command: "echo $QTASK_TASK_ID".to_owned(),
            timeout: Duration::from_mins(1),
        };
        let (log_buffer, never) = (LogBuffer::default(), CancellationToken::new());
        let environment = [("QTASK_TASK_ID", "t1".to_owned())];
        let output = HookOutput::Task(log_buffer.clone());
        let ran = run_hook("before-task", &hook, &environment, output, &never).await;
        ran.unwrap();
        let line = log_buffer.take().lines.remove(0);
        assert_eq!(line.message, "t1");
        assert_eq!(line.context, Some(json!({"hook": "before-task"})));
    }
}
