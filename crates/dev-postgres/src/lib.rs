//! A private PostgreSQL server for `qtask dev`: uses the server programs installed on this machine, listens
//! on a Unix socket only, and stops when qtask ends.
//!
//! - The data outlives qtask and any `kill -9`, of any of the processes. It is not safe against a
//!   loss of power: `fsync` is off.
//! - The server never outlives qtask for long: a [supervisor](supervise) stops it when the pipe
//!   from qtask closes, and the next start stops what a killed supervisor left.
//! - One data directory serves one qtask at a time; a second one fails and names the first.
//! - As root, the server runs as user `postgres`, else `nobody`.

mod account;
mod binaries;
mod cluster;
mod layout;
mod lock;
mod packages;
mod pid_file;
mod socket;
mod supervisor;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::process::{Child, ChildStdin};
use tokio::time::{sleep, timeout};

use account::{Account, clean_command};
use binaries::Installation;
use layout::Layout;
pub use layout::default_data_dir;
use lock::Locks;
use pid_file::PidFile;
pub use supervisor::supervise;
use supervisor::{Assignment, STOP_LIMIT};

/// A warm start takes 50 ms; crash recovery takes time in proportion to the log to replay.
const READY_LIMIT: Duration = Duration::from_mins(2);

/// Interval of the checks whether the server is ready, according to its pid file.
const READY_POLL: Duration = Duration::from_millis(10);

/// Options of [`PrivatePostgres::start`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the cluster, its socket and its log; created if needed.
    pub data_dir: PathBuf,
    /// The directory of `postgres`, `initdb` and `pg_ctl`; `None` searches for it.
    pub bin_dir: Option<PathBuf>,
    /// The program and leading arguments that pass the arguments after them to [`supervise`].
    pub supervisor: Vec<OsString>,
}

impl Options {
    /// Options for a data directory, with this executable's `supervise-postgres` as supervisor.
    ///
    /// # Errors
    /// When the path of this executable cannot be determined.
    pub fn new(data_dir: PathBuf) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding the path of this program")?;
        let supervisor = vec![program.into_os_string(), "supervise-postgres".into()];
        Ok(Self {
            data_dir,
            bin_dir: None,
            supervisor,
        })
    }
}

/// A running server. Dropping it also stops the server, without waiting for that.
#[derive(Debug)]
pub struct PrivatePostgres {
    url: String,
    layout: Layout,
    server: Installation,
    account: Account,
    supervisor: Child,
    /// The supervisor stops the server when this pipe closes.
    lifeline: ChildStdin,
    /// Declared last: another qtask may acquire the locks only after the other fields were dropped.
    locks: Locks,
}

impl PrivatePostgres {
    /// Starts the server, after creating the cluster if there is none, and returns when it accepts
    /// connections. Takes about 0.5 s the first time and 0.1 s later.
    ///
    /// # Errors
    /// When no suitable PostgreSQL is installed, the directory is in use or unsuitable, or the server does
    /// not start; the message says what to do, or shows the end of the server's log.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let started = Instant::now();
        let layout = Layout::prepare(&options.data_dir)?;
        let locks = Locks::take(&layout).await?;
        let data = layout.data();
        let account = Account::choose(&data)?;
        let existing = cluster::major_version(&data)?;
        let server = Installation::find(options.bin_dir.as_deref(), existing, account).await?;
        account
            .check_reach(layout.root(), &server.program("postgres"))
            .await?;
        if existing.is_none() {
            tracing::info!(
                event = "postgres.cluster_creating", data_dir = %layout.root().display(),
                version = server.major(),
                "PostgreSQL cluster is being created"
            );
            cluster::create(&layout, &server, account, &locks).await?;
        }
        cluster::stop_leftover(&layout, &server, account).await?;

        let socket = socket::prepare_directory(layout.root(), account)?;
        let url = socket::url(&socket);
        let before = PidFile::read(&data)?;
        let assignment = Assignment::new(server.program("postgres"), data, socket, account);
        let log = layout.open_log()?;
        let (supervisor, lifeline) = spawn_supervisor(
            &options.supervisor,
            &assignment,
            log,
            locks.for_helper()?,
            before.as_ref(),
        )?;
        let mut this = Self {
            url,
            layout,
            server,
            account,
            supervisor,
            lifeline,
            locks,
        };
        match timeout(READY_LIMIT, this.wait_until_ready(before.as_ref())).await {
            Ok(result) => result?,
            Err(_) => bail!(
                "PostgreSQL is not ready after {READY_LIMIT:?}; {}",
                this.layout.log_tail()
            ),
        }
        tracing::info!(
            event = "postgres.ready", url = this.url, version = this.server.major(),
            data_dir = %this.layout.root().display(), elapsed_ms = started.elapsed().as_millis(),
            "private PostgreSQL is ready"
        );
        Ok(this)
    }

    /// The URL of the database, `postgresql://postgres@%2Fdirectory/postgres`. It contains no secret: the
    /// permissions of the socket's directory restrict access.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Resolves with the reason when the server has exited without a request. The future may be dropped and
    /// created again; [`stop`](Self::stop) still cleans up afterwards.
    pub async fn died(&mut self) -> anyhow::Error {
        let how = match self.supervisor.wait().await {
            Ok(status) => format!("supervisor: {status}"),
            Err(error) => format!("waiting for its supervisor: {error}"),
        };
        anyhow::anyhow!(
            "the private PostgreSQL ended unexpectedly ({how}); {}",
            self.layout.log_tail()
        )
    }

    /// Stops the server, ending all sessions, and waits until it has exited; escalates to SIGKILL.
    ///
    /// # Errors
    /// When the server still runs after that.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self {
            layout,
            server,
            account,
            mut supervisor,
            lifeline,
            locks,
            ..
        } = self;
        drop(lifeline);
        if timeout(STOP_LIMIT, supervisor.wait()).await.is_err() {
            tracing::warn!(
                event = "postgres.supervisor_killed",
                "PostgreSQL supervisor did not end: killing it"
            );
            supervisor
                .kill()
                .await
                .context("killing the supervisor of PostgreSQL")?;
        }
        // Finds a server only if the supervisor was killed.
        cluster::stop_leftover(&layout, &server, account).await?;
        drop(locks);
        tracing::info!(event = "postgres.stopped", "private PostgreSQL stopped");
        Ok(())
    }

    /// Waits for a new pid file with the status `ready`; `before` is the one that existed before the start.
    async fn wait_until_ready(&mut self, before: Option<&PidFile>) -> anyhow::Result<()> {
        let data = self.layout.data();
        loop {
            let now = PidFile::read(&data)?;
            if now.is_some_and(|file| Some(&file) != before && file.says_ready()) {
                return Ok(());
            }
            if let Some(status) = self
                .supervisor
                .try_wait()
                .context("waiting for PostgreSQL")?
            {
                bail!(
                    "PostgreSQL did not start ({status}); {}",
                    self.layout.log_tail()
                );
            }
            sleep(READY_POLL).await;
        }
    }
}

fn spawn_supervisor(
    program: &[OsString],
    assignment: &Assignment,
    log: File,
    lock: File,
    before: Option<&PidFile>,
) -> anyhow::Result<(Child, ChildStdin)> {
    let [program, leading @ ..] = program else {
        bail!("no supervisor program is set")
    };
    let mut command = clean_command(program);
    command
        .args(leading)
        .args(assignment.to_args())
        .current_dir("/");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::from(lock))
        .stderr(Stdio::from(log));
    // In a separate process group: Ctrl-C is for qtask, which stops the server last.
    command.process_group(0);
    if let Some(stale) = before.and_then(PidFile::pid) {
        // PostgreSQL refuses to start while any process has the id in its pid file, which after a reboot, or
        // in a container, may be an unrelated process. qtask has checked that the process is not the
        // cluster's server, and this variable, made for pg_ctl, makes PostgreSQL ignore the id. The check for
        // live sessions still applies.
        command.env("PG_GRANDPARENT_PID", stale.to_string());
    }
    let mut child = command
        .spawn()
        .context("starting the supervisor of PostgreSQL")?;
    let lifeline = child
        .stdin
        .take()
        .context("the supervisor has no standard input")?;
    Ok((child, lifeline))
}
