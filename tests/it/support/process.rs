//! The qtask executable as a child process.

use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::events::{Event, Events};
use super::memory_group::MemoryGroup;
use super::signals;
use super::wait::DEADLINE;

/// Number of log lines that a failed test prints, unless `QTASK_TEST_LOG` is set.
const PRINTED: usize = 40;

/// The value of `QTASK_TEST_LOG`: directives that tests append to the `LOG_LEVEL` of the processes that they start.
pub fn wanted_log() -> Option<String> {
    std::env::var("QTASK_TEST_LOG").ok()
}

/// A running `qtask`, killed on drop. If the test has failed, the drop prints the end of the log; otherwise it fails
/// the test if the process has panicked.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    events: Arc<Events>,
    may_panic: bool,
}

impl Process {
    /// Starts `qtask` with these arguments and only this environment besides `PATH` and `HOME`.
    pub fn spawn(name: &str, arguments: &[&str], environment: &[(String, String)]) -> Self {
        Self::spawn_from(current(), name, arguments, environment)
    }

    /// The same for another executable of `qtask`.
    pub fn spawn_from(
        executable: &Path,
        name: &str,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Self {
        Self::start(name, command(executable, arguments), environment)
    }

    /// The same within a group of processes whose memory is limited.
    pub fn spawn_limited(
        name: &str,
        arguments: &[&str],
        environment: &[(String, String)],
        group: &MemoryGroup,
    ) -> Self {
        Self::start(name, group.enter(qtask(arguments).as_std()), environment)
    }

    fn start(name: &str, mut command: Command, environment: &[(String, String)]) -> Self {
        let mut child = command
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .env("LOG_FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("qtask starts");
        let stderr = child
            .stderr
            .take()
            .expect("its standard error")
            .into_owned_fd()
            .expect("as a file");
        Self {
            name: name.to_owned(),
            child,
            events: Events::collect(std::fs::File::from(stderr)),
            may_panic: false,
        }
    }

    /// Its name in this test.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended.
    pub fn pid(&self) -> Pid {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        Pid::from_raw(pid.unwrap_or_else(|| panic!("{} has already ended", self.name)))
    }

    /// The peak resident memory, in KiB.
    pub fn peak_memory_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    /// The current resident memory, in KiB.
    pub fn resident_memory_kib(&self) -> u64 {
        self.memory_kib("VmRSS:")
    }

    fn memory_kib(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(path).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_ascii_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .expect("a number of KiB")
    }

    /// Its log lines so far.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Fails the test if a thread of the process has panicked, even if the process continued. Before the log is
    /// started, and in processes without one, a panic is a line of text.
    pub fn assert_no_panic(&self) {
        let panics = self
            .events
            .all(|event| event.is("process.panicked") || event.message().contains(" panicked at "));
        assert!(panics.is_empty(), "{} panicked: {panics:?}", self.name);
    }

    /// Permits threads of the process to panic.
    pub fn allow_panic(&mut self) {
        self.may_panic = true;
    }

    /// Waits for the event with this id, which may already have occurred.
    pub async fn wait_for(&self, id: &str) -> Event {
        self.wait_after(0, id, |event| event.is(id)).await
    }

    /// Waits for the event with this id and field, which may already have occurred.
    pub async fn wait_for_field(&self, id: &str, field: &str, value: &str) -> Event {
        let what = format!("{id} with {field}={value}");
        self.wait_after(0, &what, |event| {
            event.is(id) && event.field(field).as_deref() == Some(value)
        })
        .await
    }

    /// Waits for a matching event after `mark`, a line number from [`Events::len`].
    pub async fn wait_after(
        &self,
        mark: usize,
        what: &str,
        fits: impl Fn(&Event) -> bool,
    ) -> Event {
        let found = tokio::time::timeout(DEADLINE, self.events.first_after(mark, fits)).await;
        match found {
            Ok(Some(event)) => event,
            Ok(None) => panic!("{} ended without the event: {what}", self.name),
            Err(elapsed) => panic!(
                "{} did not log {what} within {DEADLINE:?}: {elapsed}",
                self.name
            ),
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a running process");
    }

    /// Stops all its threads.
    pub async fn pause(&self) {
        signals::pause(&[self.pid()]).await;
    }

    /// Resumes it after a [`pause`](Self::pause).
    pub fn resume(&self) {
        signals::resume(&[self.pid()]);
    }

    /// Waits until it has exited.
    pub async fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let ended = tokio::time::timeout(limit, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("{} still runs after {limit:?}", self.name))
            .expect("its exit status")
    }

    /// Sends `SIGTERM` and waits until it has exited.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_exit(DEADLINE).await
    }

    /// Sends `SIGKILL` and waits until it has exited.
    pub async fn kill9(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait_exit(DEADLINE).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        if std::thread::panicking() {
            let lines = wanted_log().map_or(PRINTED, |_| usize::MAX);
            let text = self.events.tail(lines);
            let printed = text.lines().count();
            eprintln!("--- the last {printed} log lines of {}\n{text}", self.name);
        } else if !self.may_panic {
            self.assert_no_panic();
        }
    }
}

/// Runs `qtask` until it exits and returns its output.
pub async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    run_from(current(), arguments, environment).await
}

/// The same for another executable of `qtask`.
pub async fn run_from(
    executable: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Output {
    let mut command = command(executable, arguments);
    let done = command.envs(environment.iter().copied()).output();
    let limited = tokio::time::timeout(DEADLINE, done).await;
    limited
        .unwrap_or_else(|_| panic!("qtask {arguments:?} still runs after {DEADLINE:?}"))
        .expect("qtask starts")
}

/// A command for `qtask` with these arguments and no environment besides `PATH` and `HOME`.
pub fn qtask(arguments: &[&str]) -> Command {
    command(current(), arguments)
}

/// The executable under test.
pub fn current() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_qtask"))
}

fn command(executable: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(executable);
    command
        .args(arguments)
        .env_clear()
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for kept in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
}
