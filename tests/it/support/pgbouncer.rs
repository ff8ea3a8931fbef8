//! `PgBouncer` in front of a PostgreSQL.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use url::Url;

use super::wait::{self, TempDir, eventually};
use super::{binaries, database};

/// A `PgBouncer` of a test's own, which ends with it.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    process: Child,
    _directory: TempDir,
}

/// Where it is installed.
fn program() -> Option<PathBuf> {
    let places = [
        "/usr/sbin/pgbouncer",
        "/usr/bin/pgbouncer",
        "/usr/local/bin/pgbouncer",
    ];
    places
        .iter()
        .map(PathBuf::from)
        .find(|path| Path::exists(path))
}

impl PgBouncer {
    /// Starts one in this `pool_mode` before the server of this URL; `None` if it is not installed.
    pub async fn start(server: &Url, pool_mode: &str) -> Option<Self> {
        let program = program()?;
        let directory = TempDir::new("pgbouncer");
        let port = wait::free_port();
        let (host, user) = (server.host_str().expect("a host"), server.username());
        let configuration = format!(
            "[databases]\n* = host={host} port={} user={user}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n\
             pool_mode = {pool_mode}\n",
            server.port().unwrap_or(5432)
        );
        let file = directory.path().join("pgbouncer.ini");
        std::fs::write(&file, configuration).expect("a file");
        let mut command = Command::new(program);
        command
            .arg("--quiet")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some((uid, gid)) = binaries::unprivileged_user() {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        let process = command.spawn().expect("pgbouncer starts");
        let bouncer = Self {
            port,
            process,
            _directory: directory,
        };
        let url = bouncer.url(server);
        let up = || async {
            let client = database::try_connect(&url).await.ok()?;
            client.simple_query("SELECT 1").await.ok()
        };
        eventually(wait::DEADLINE, "PgBouncer", up).await;
        Some(bouncer)
    }

    /// The URL of a database through it.
    pub fn url(&self, database: &Url) -> Url {
        let mut url = database.clone();
        url.set_port(Some(self.port)).expect("a port");
        url
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
