//! One attempt of a command, from its start until all its processes have ended.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use nix::unistd::Pid;
use tokio::process::Child;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::directory::{Directory, folder};
use super::group::AttemptProcesses;
use super::logs::Logs;
use super::output::{Said, Tail, follow, follow_errors};
use super::{Command, input, outcome, spawn};
use crate::domain::settlement::{ErrorCode, Failure, Outcome};
use crate::domain::task::Assignment;
use crate::executor::Control;
use crate::traces::{Span, SpanKind};

/// How long reading a program's remaining output may take after all its processes have ended. The output is
/// in the system's buffers by then; only a process that was not found could still hold the streams.
const LAST_READS: Duration = Duration::from_secs(5);

/// Runs the program to its end, or until it is stopped.
pub async fn run(
    command: &Command,
    assignment: &Assignment,
    control: Control,
) -> Result<Outcome, Failure> {
    let directory = Directory::create(&folder(&command.mark), &assignment.lease)
        .map_err(|error| cannot_start("no working directory", &error))?;
    let ended = attempt(command, assignment, &control, &directory).await;
    // On a blocking thread: the directory may be large.
    let _ = tokio::task::spawn_blocking(move || drop(directory)).await;
    ended
}

async fn attempt(
    command: &Command,
    assignment: &Assignment,
    control: &Control,
    directory: &Directory,
) -> Result<Outcome, Failure> {
    let program = command.program.path.display().to_string();
    let mut span = Span::begin(SpanKind::Internal, "command", assignment.trace.as_ref());
    span.text("process.executable.path", &program);
    let started = spawn::start(command, assignment, directory, span.context());
    let mut child = started.map_err(|error| {
        let failure = cannot_start(&program, &error);
        span.fail(&failure.code, &failure.message);
        failure
    })?;
    let leader = child.id().and_then(|pid| i32::try_from(pid).ok());
    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(leader), (Some(stdin), Some(stdout), Some(stderr))) = (leader, streams) else {
        let message = format!("{program} ended before it began");
        return Err(Failure::transient(ErrorCode::ExecutionError, message));
    };
    debug!(
        event = "command.started",
        pid = leader,
        program,
        "command started"
    );
    span.number("process.pid", leader);
    let mut group = AttemptProcesses::new(Pid::from_raw(leader), &assignment.lease);

    let logs = Logs::new(control.log_buffer.clone());
    let (mut said, mut tail) = (Said::default(), Tail::default());
    let (spoiled, gone) = (CancellationToken::new(), CancellationToken::new());
    let document = input::document(assignment);
    let reading = async {
        let messages = async {
            follow(stdout, &logs, &control.log_buffer, &mut said).await;
            if said.violation.is_some() {
                spoiled.cancel();
            }
        };
        let errors = follow_errors(stderr, &logs, &mut tail);
        tokio::join!(messages, errors);
    };
    let late = async {
        gone.cancelled().await;
        tokio::time::sleep(LAST_READS).await;
    };
    let living = async {
        // A program that does not read its task must not block the attempt.
        let status = tokio::select! {
            status = live(&mut child, &mut group, control, &spoiled, command.grace) => status,
            never = write_and_wait(stdin, &document) => never,
        };
        gone.cancel();
        status
    };
    let read = async {
        tokio::select! {
            () = reading => {}
            () = late => debug!(
                event = "command.streams_held", pid = leader,
                "output streams are still open: a process unknown to the worker holds them"
            ),
        }
    };
    let ((), status) = tokio::join!(read, living);
    logs.finish();
    if let Some(code) = status.as_ref().ok().and_then(ExitStatus::code) {
        span.number("process.exit.code", code);
    }
    let outcome = outcome::conclude(said, status, &tail);
    if let Err(failure) = &outcome {
        span.fail(&failure.code, &failure.message);
    }
    outcome
}

async fn write_and_wait<T>(stdin: tokio::process::ChildStdin, document: &[u8]) -> T {
    input::write(stdin, document).await;
    std::future::pending().await
}

/// Waits for the end of the program, and ensures that none of its processes remain.
async fn live(
    child: &mut Child,
    group: &mut AttemptProcesses,
    control: &Control,
    spoiled: &CancellationToken,
    grace: Duration,
) -> io::Result<ExitStatus> {
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        () = control.stop.cancelled() => None,
        () = control.kill.cancelled() => None,
        () = spoiled.cancelled() => None,
    };
    if ended.is_none() {
        group.terminate();
        tokio::select! {
            // The leader's descendants may need the grace time, too.
            () = async { let _ = child.wait().await; group.empty().await } => {}
            () = control.kill.cancelled() => {}
            () = tokio::time::sleep(grace) => {}
        }
    }
    group.kill().await;
    match ended {
        Some(status) => status,
        None => child.wait().await,
    }
}

fn cannot_start(what: &str, error: &io::Error) -> Failure {
    let message = format!("the command cannot be started: {what}: {error}");
    Failure::transient(ErrorCode::ExecutionError, message)
}
