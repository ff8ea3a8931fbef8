//! Starts a program: its environment, its streams, its process group.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;

use tokio::process::{Child, Command as Process};

use super::Command;
use super::directory::Directory;
use crate::domain::task::Assignment;
use crate::domain::trace_context::TraceContext;

/// The variables of the worker's environment that every program receives.
const PASSED: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TZ"];
/// The variables that qtask sets.
pub const OWN_VARIABLES: [&str; 8] = [
    "HOME",
    "TMPDIR",
    "QTASK_TASK_ID",
    "QTASK_ATTEMPT",
    "QTASK_BACKEND",
    "QTASK_WORKER",
    "QTASK_TIMEOUT_SECONDS",
    "QTASK_WORKER_MARK",
];

/// Starts the program in the directory.
pub fn start(
    command: &Command,
    assignment: &Assignment,
    directory: &Directory,
    trace: Option<&TraceContext>,
) -> io::Result<Child> {
    Process::new(&command.program.path)
        .args(&command.program.arguments)
        .env_clear()
        .envs(environment(command, assignment, directory))
        .envs(trace.into_iter().flat_map(TraceContext::variables))
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Signals then reach all descendants in the group, and a Ctrl-C at the worker's terminal reaches none.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn environment(
    command: &Command,
    assignment: &Assignment,
    directory: &Directory,
) -> Vec<(OsString, OsString)> {
    let passed = PASSED.into_iter().filter_map(|name| {
        let value = std::env::var_os(name)?;
        Some((name.into(), value))
    });
    let lease = &assignment.lease;
    let values: [OsString; 8] = [
        directory.path().into(),
        directory.temporary().into(),
        lease.task_id.to_string().into(),
        lease.attempt.to_string().into(),
        assignment.backend.clone().into(),
        (*lease.session.worker_id).into(),
        assignment.timeout_seconds.to_string().into(),
        command.mark.clone().into(),
    ];
    let own = OWN_VARIABLES.into_iter().map(OsString::from).zip(values);
    passed
        .chain(own)
        .chain(command.environment.iter().cloned())
        .collect()
}
