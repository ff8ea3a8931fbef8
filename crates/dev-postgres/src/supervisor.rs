//! The supervisor process between qtask and its PostgreSQL.
//!
//! Its child is the server; its standard input is the read end of a pipe from qtask. Any end of qtask,
//! including `kill -9`, closes the pipe, and the supervisor then stops the server. Its standard output is the
//! cluster's lock, held until the supervisor exits; its standard error is the server's log.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::account::Account;
use super::socket;

/// Time limit of each signal before the next one: fast shutdown (ends all sessions), immediate shutdown (no
/// checkpoint), kill.
const ESCALATION: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(8)),
    (Signal::SIGQUIT, Duration::from_secs(4)),
    (Signal::SIGKILL, Duration::from_secs(4)),
];

/// Exceeds the sum of the limits in [`ESCALATION`].
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(18);

/// Settings of the server. With `fsync = off` the cluster survives the crash of any process, but not of the
/// machine. Commits stay synchronous and full page writes enabled, which recovery from a killed process
/// needs.
const SETTINGS: [&str; 10] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "fsync=off",
    "synchronous_commit=on",
    "full_page_writes=on",
    "max_connections=100",
    "shared_buffers=128MB",
    "logging_collector=off",
    "log_destination=stderr",
    "log_line_prefix=%m [%p] ",
];

/// The arguments on the supervisor's command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) program: PathBuf,
    pub(super) data: PathBuf,
    pub(super) socket: PathBuf,
    /// User id and group id of the server, if they differ from the supervisor's.
    pub(super) switch: Option<(u32, u32)>,
}

impl Assignment {
    pub(super) fn new(program: PathBuf, data: PathBuf, socket: PathBuf, account: Account) -> Self {
        Self {
            program,
            data,
            socket,
            switch: account.switch(),
        }
    }

    /// Formats the command line: three paths, then the two ids, if set.
    pub(super) fn to_args(&self) -> Vec<OsString> {
        let paths = [&self.program, &self.data, &self.socket];
        let paths = paths.map(|path| path.clone().into_os_string());
        let ids = self
            .switch
            .map(|(uid, gid)| [uid.to_string().into(), gid.to_string().into()]);
        paths.into_iter().chain(ids.into_iter().flatten()).collect()
    }

    fn from_args(args: &[OsString]) -> anyhow::Result<Self> {
        let (paths, switch) = match args {
            [paths @ .., uid, gid] if paths.len() == 3 => (paths, Some((id(uid)?, id(gid)?))),
            paths => (paths, None),
        };
        let [program, data, socket] = paths else {
            bail!("expected PROGRAM DATA SOCKET [UID GID], which `qtask dev` passes");
        };
        Ok(Self {
            program: program.into(),
            data: data.into(),
            socket: socket.into(),
            switch,
        })
    }
}

fn id(text: &OsString) -> anyhow::Result<u32> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.with_context(|| format!("{} is not an id", text.display()))
}

/// The body of the hidden command `supervise-postgres`: runs the server until it exits, standard input
/// closes, or a signal requests the stop. Must be called outside of any tokio runtime.
///
/// `args` are what [`PrivatePostgres::start`](super::PrivatePostgres::start) appended to
/// [`Options::supervisor`](super::Options::supervisor). The exit code is 0 after a wanted end and
/// 1 otherwise; errors go to standard error.
pub fn supervise(args: &[OsString]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime
        .context("starting the runtime")
        .and_then(|runtime| runtime.block_on(run(&Assignment::from_args(args)?)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(assignment: &Assignment) -> anyhow::Result<()> {
    let lifeline = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("standard input")?;
    let mut lifeline = pipe::Receiver::from_owned_fd(lifeline)
        .context("standard input must be a pipe from `qtask dev`")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;

    let mut server = spawn(assignment)?;
    let ended = tokio::select! {
        status = server.wait() => Some(status),
        () = end_of(&mut lifeline) => None,
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        _ = hangup.recv() => None,
    };
    let result = match ended {
        Some(status) => Err(anyhow::anyhow!("PostgreSQL ended by itself: {}", status?)),
        None => stop(&mut server).await,
    };
    socket::remove_directory(&assignment.socket);
    result
}

fn spawn(assignment: &Assignment) -> anyhow::Result<Child> {
    let log = io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .context("standard error")?;
    let mut command = Command::new(&assignment.program);
    command
        .arg("-D")
        .arg(&assignment.data)
        .arg("-k")
        .arg(&assignment.socket)
        .args(["-p", "5432"]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    if let Some((uid, gid)) = assignment.switch {
        command.uid(uid).gid(gid);
    }
    // Not the supervisor's standard output: the next start stops an orphaned server, but only after it has
    // acquired the lock.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::from(log))
        .current_dir(&assignment.data);
    command
        .spawn()
        .with_context(|| format!("starting {}", assignment.program.display()))
}

/// Writes to the server's log. Ignores errors: a full disk must not prevent the stop of the server.
fn say(message: &str) {
    let _ = writeln!(io::stderr(), "supervise-postgres: {message}");
}

/// Resolves when every writer has closed the pipe.
async fn end_of(pipe: &mut pipe::Receiver) {
    let mut buffer = [0; 64];
    while pipe.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

async fn stop(server: &mut Child) -> anyhow::Result<()> {
    for (signal, patience) in ESCALATION {
        // No id: the exit status was already collected.
        let Some(pid) = server.id().and_then(|pid| i32::try_from(pid).ok()) else {
            return Ok(());
        };
        kill(Pid::from_raw(pid), signal).with_context(|| format!("sending {signal} to {pid}"))?;
        if let Ok(status) = timeout(patience, server.wait()).await {
            status.context("waiting for PostgreSQL")?;
            return Ok(());
        }
        say(&format!(
            "PostgreSQL is still there {patience:?} after {signal}"
        ));
    }
    bail!("PostgreSQL cannot be killed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_survives_the_command_line() {
        for switch in [None, Some((101, 104))] {
            let paths = ["/bin/postgres", "/data dir", "/s"].map(PathBuf::from);
            let [program, data, socket] = paths;
            let assignment = Assignment {
                program,
                data,
                socket,
                switch,
            };
            assert_eq!(
                Assignment::from_args(&assignment.to_args()).unwrap(),
                assignment
            );
        }
    }

    #[test]
    fn a_command_line_typed_by_hand_is_refused() {
        for args in [
            &[][..],
            &["a"],
            &["a", "b", "c", "x", "y"],
            &["a", "b", "c", "1"],
        ] {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            assert!(Assignment::from_args(&args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn qtask_waits_longer_than_the_supervisor_may_take() {
        assert!(
            ESCALATION
                .iter()
                .map(|(_, patience)| *patience)
                .sum::<Duration>()
                < STOP_LIMIT
        );
    }
}
