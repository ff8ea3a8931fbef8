//! A private PostgreSQL server that a test can kill, stop and restart.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use url::Url;

use super::postgres_tls::{self, PostgresTls};
use super::wait::{self, TempDir, eventually};
use super::{binaries, database, signals};

/// A cluster in a temporary directory, on a private loopback port that stays the same across restarts.
#[derive(Debug)]
pub struct PrivatePostgres {
    directory: TempDir,
    port: u16,
    server: Option<Child>,
    variant: Variant,
}

/// The variant of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    Usual,
    WalOnSmallDisk,
    GermanMessages,
    Tls,
    Passwords,
}

const GERMAN: &str = "de_DE.UTF-8";

/// Whether a server can write German messages: they are installed, and the locale can be compiled.
pub fn has_german_messages() -> bool {
    let messages = std::fs::read_dir("/usr/share/locale/de/LC_MESSAGES");
    let is_installed = messages.is_ok_and(|mut files| {
        files.any(|file| {
            file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("postgres-"))
        })
    });
    is_installed
        && Path::new("/usr/share/i18n/locales/de_DE").exists()
        && Command::new("localedef")
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
}

/// Whether a server can have a small disk: a tmpfs in a mount namespace, which is removed with the namespace.
pub fn has_small_disks() -> bool {
    let mount = "mount -t tmpfs -o size=1m tmpfs /mnt && command -v setpriv";
    let tried = Command::new("unshare")
        .args(["--mount", "sh", "-c", mount])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    binaries::unprivileged_user().is_some() && tried.is_ok_and(|status| status.success())
}

/// Runs as root in a mount namespace: moves `pg_wal` to a small disk, and starts the server as its user.
const ON_SMALL_DISK: &str = r#"set -e
mount -t tmpfs -o "size=96m,mode=700,uid=$2,gid=$3" tmpfs "$1/small"
mv "$1/data/pg_wal" "$1/pg_wal.new" && cp -a "$1/pg_wal.new/." "$1/small/" && ln -s ../small "$1/data/pg_wal"
uid=$2 gid=$3; shift 3
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@""#;

impl PrivatePostgres {
    /// Creates a new cluster and starts it.
    pub async fn start() -> Self {
        Self::make(Variant::Usual).await
    }

    /// The same with `pg_wal` on a small disk, see [`has_small_disks`]. It can be started only once.
    pub async fn start_with_wal_on_small_disk() -> Self {
        Self::make(Variant::WalOnSmallDisk).await
    }

    /// The same with German `lc_messages`, see [`has_german_messages`].
    pub async fn start_with_german_messages() -> Self {
        Self::make(Variant::GermanMessages).await
    }

    /// The same with TLS and the roles of [`postgres_tls::roles`].
    pub async fn start_with_tls(tls: &PostgresTls) -> Self {
        let mut node = Self::initialised(Variant::Tls);
        tls.install(&node.data());
        node.restart().await;
        let client = database::connect(&node.url()).await;
        let created = client.batch_execute(postgres_tls::CREATE_ROLES).await;
        created.expect("roles");
        node
    }

    /// The same, and every role but the superuser needs a password.
    pub async fn start_with_passwords() -> Self {
        let mut node = Self::initialised(Variant::Passwords);
        let rules =
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(node.data().join("pg_hba.conf"), rules).expect("pg_hba.conf");
        node.restart().await;
        node
    }

    /// A standby of another server, which it follows.
    pub async fn start_standby_of(primary: &Self) -> Self {
        let mut node = Self::in_own_directory(Variant::Usual);
        node.give_directory();
        let copied = node
            .command("pg_basebackup")
            .args([
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "--pgdata",
            ])
            .arg(node.data())
            .args(["--dbname", primary.url().as_str()])
            .output()
            .expect("pg_basebackup runs");
        let error = String::from_utf8_lossy(&copied.stderr);
        assert!(copied.status.success(), "pg_basebackup: {error}");
        node.restart().await;
        node
    }

    /// Replaces the certificate of a running server.
    pub async fn set_tls(&self, tls: &PostgresTls) {
        const RELOADED: &str = "received SIGHUP, reloading";
        tls.install(&self.data());
        let server = self.server.as_ref().expect("a running PostgreSQL");
        let before = self.log().matches(RELOADED).count();
        kill(pid_of(server), Signal::SIGHUP).expect("a signal");
        let reloaded = || async { (self.log().matches(RELOADED).count() > before).then_some(()) };
        eventually(wait::DEADLINE, "the certificate reloaded", reloaded).await;
    }

    async fn make(variant: Variant) -> Self {
        let mut node = Self::initialised(variant);
        if variant == Variant::GermanMessages {
            node.compile_locale();
        }
        node.restart().await;
        node
    }

    fn initialised(variant: Variant) -> Self {
        let node = Self::in_own_directory(variant);
        node.initialise();
        node
    }

    fn in_own_directory(variant: Variant) -> Self {
        Self {
            directory: TempDir::new("postgres"),
            port: wait::free_port(),
            server: None,
            variant,
        }
    }

    /// Fills the small disk: `pg_wal` cannot grow after that.
    pub fn fill_wal_disk(&self) {
        let server = self.server.as_ref().expect("a running PostgreSQL");
        // The path in the server's mount namespace.
        let disk = format!(
            "/proc/{}/root{}",
            server.id(),
            self.directory.path().join("small").display()
        );
        let mut filler = File::create(Path::new(&disk).join("filler")).expect("a file");
        let zeros = vec![0; 1 << 16];
        while filler.write_all(&zeros).is_ok() {}
        while filler.write_all(&[0; 1 << 9]).is_ok() {}
    }

    /// The server's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).expect("a log")
    }

    /// The loopback port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of its maintenance database.
    pub fn url(&self) -> Url {
        Url::parse(&format!(
            "postgres://postgres@127.0.0.1:{}/postgres",
            self.port
        ))
        .expect("a URL")
    }

    /// Starts it if it does not run, and waits until it answers.
    pub async fn restart(&mut self) {
        if self.server.is_none() {
            self.server = Some(self.launch());
        }
        let url = self.url();
        let what = format!("PostgreSQL on port {}", self.port);
        let up = eventually(wait::DEADLINE, &what, || async {
            let client = database::try_connect(&url).await.ok()?;
            client.simple_query("SELECT 1").await.ok()
        });
        up.await;
    }

    /// Shuts it down, closing its clients' connections.
    pub async fn stop(&mut self) {
        self.end(Signal::SIGINT).await;
    }

    /// Kills all its processes at once, as a power loss or an out-of-memory kill would.
    pub async fn kill9(&mut self) {
        if let Some(server) = &self.server {
            // Paused first, so that it can neither fork nor clean up while its children are killed.
            let postmaster = pid_of(server);
            signals::pause(&[postmaster]).await;
            signals::kill_all(&signals::children_of(postmaster)).await;
        }
        self.end(Signal::SIGKILL).await;
    }

    async fn end(&mut self, signal: Signal) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        kill(pid_of(&server), signal).expect("a running PostgreSQL");
        let gone = eventually(Duration::from_secs(20), "the end of PostgreSQL", || {
            std::future::ready(server.try_wait().expect("its exit status"))
        });
        gone.await;
    }

    fn give_directory(&self) {
        if let Some((uid, gid)) = binaries::unprivileged_user() {
            let owner = (Some(uid.as_raw()), Some(gid.as_raw()));
            std::os::unix::fs::chown(self.directory.path(), owner.0, owner.1)
                .expect("a directory for postgres");
        }
    }

    fn initialise(&self) {
        self.give_directory();
        let made = self
            .command("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
                "-D",
            ])
            .arg(self.data())
            .args(self.wal_on_small_disk().then_some("--wal-segsize=1"))
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    fn launch(&self) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log file");
        let port = format!("port={}", self.port);
        // Without fsync a crash of the machine can lose data, a killed process cannot; tests run four times as fast.
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            &port,
        ];
        // Keeps few recycled segments.
        let small = self.wal_on_small_disk().then_some("min_wal_size=2MB");
        let german = format!("lc_messages={GERMAN}");
        let german = (self.variant == Variant::GermanMessages).then_some(&*german);
        let tls = (self.variant == Variant::Tls).then_some(postgres_tls::SETTINGS);
        let mut command = if self.wal_on_small_disk() {
            self.on_small_disk()
        } else {
            self.command("postgres")
        };
        command
            .arg("-D")
            .arg(self.data())
            .args(
                settings
                    .into_iter()
                    .chain(small)
                    .chain(german)
                    .chain(tls.into_iter().flatten())
                    .flat_map(|setting| ["-c", setting]),
            )
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres runs")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(binaries::postgres().join(program));
        command
            .current_dir(self.directory.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        if self.variant == Variant::GermanMessages {
            command.env("LOCPATH", self.locales());
        }
        if let Some((uid, gid)) = binaries::unprivileged_user() {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        command
    }

    fn on_small_disk(&self) -> Command {
        let (uid, gid) = binaries::unprivileged_user().expect("root");
        std::fs::create_dir(self.directory.path().join("small")).expect("a mount point");
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", ON_SMALL_DISK, "sh"])
            .arg(self.directory.path())
            .args([uid.to_string(), gid.to_string()])
            .arg(binaries::postgres().join("postgres"))
            .current_dir(self.directory.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    const fn wal_on_small_disk(&self) -> bool {
        matches!(self.variant, Variant::WalOnSmallDisk)
    }

    /// Compiles the locale for this server only: few machines have it, and it is not installed on the system.
    fn compile_locale(&self) {
        std::fs::create_dir(self.locales()).expect("a directory for locales");
        let compiled = Command::new("localedef")
            .args(["-i", "de_DE", "-f", "UTF-8"])
            .arg(self.locales().join(GERMAN))
            .output()
            .expect("localedef runs");
        assert!(
            compiled.status.success(),
            "localedef: {}",
            String::from_utf8_lossy(&compiled.stderr)
        );
    }

    fn locales(&self) -> PathBuf {
        self.directory.path().join("locales")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // SIGQUIT ends all its processes at once and removes its shared memory.
            signals::resume(&[pid_of(&server)]);
            let _ = kill(pid_of(&server), Signal::SIGQUIT);
            let _ = server.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
            eprintln!(
                "--- log of the private PostgreSQL on port {}\n{}",
                self.port,
                super::events::tail(&log, 30)
            );
        }
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid"))
}
