//! Tests with a real server. The supervisor is this test executable, see `act_as_supervisor`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

use super::*;

/// A data directory for one test, removed with its contents.
struct TestDir(PathBuf);

impl TestDir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("qtask-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn options(&self) -> Options {
        let program = std::env::current_exe().unwrap();
        let (_, module) = module_path!().split_once("::").unwrap();
        let supervisor = vec![
            program.into(),
            "--nocapture".into(),
            "--exact".into(),
            format!("{module}::act_as_supervisor").into(),
            "--".into(),
        ];
        Options {
            data_dir: self.0.clone(),
            bin_dir: None,
            supervisor,
        }
    }

    async fn start(&self) -> PrivatePostgres {
        PrivatePostgres::start(self.options()).await.unwrap()
    }

    async fn start_error(&self) -> String {
        format!(
            "{:#}",
            PrivatePostgres::start(self.options()).await.unwrap_err()
        )
    }

    fn pid_file(&self) -> PidFile {
        PidFile::read(&self.0.join("data")).unwrap().unwrap()
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Not a test: the supervisor process of the other tests. Does nothing in an ordinary test run.
#[test]
fn act_as_supervisor() {
    let mut args = std::env::args_os().skip_while(|arg| arg != "--");
    if args.next().is_some() {
        let code = supervise(&args.collect::<Vec<_>>());
        std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
    }
}

async fn query(postgres: &PrivatePostgres, sql: &str) -> String {
    let psql = Command::new(postgres.server.program("psql"))
        .args([
            "-X",
            "-q",
            "-At",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            postgres.url(),
            "-c",
            sql,
        ])
        .output();
    let output = psql.await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// Waits until the server of a pid file has exited. A zombie counts as exited: where no process reaps
/// orphans, as in many containers, it remains one.
async fn gone(file: &PidFile, dir: &TestDir) {
    let data = dir.0.join("data");
    let wait = async {
        while file.is_alive(&data).await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), wait)
        .await
        .expect("the server does not end");
}

#[tokio::test]
async fn data_is_kept_from_one_start_to_the_next() {
    let dir = TestDir::new("dev-keep");
    let first = dir.start().await;
    query(&first, "CREATE TABLE kept AS SELECT 42 AS answer").await;
    let server = dir.pid_file();
    first.stop().await.unwrap();
    assert!(!server.is_alive(&dir.0.join("data")).await);
    assert!(!dir.0.join("socket").exists());

    let second = dir.start().await;
    assert_eq!(query(&second, "SELECT answer FROM kept").await, "42");
    assert_eq!(query(&second, "SHOW listen_addresses").await, "");
    assert_eq!(query(&second, "SHOW synchronous_commit").await, "on");
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_start_on_the_same_directory_names_the_first() {
    let dir = TestDir::new("dev-second");
    let first = dir.start().await;
    let message = dir.start_error().await;
    assert!(
        message.contains(&format!("pid {}", std::process::id())),
        "{message}"
    );
    assert_eq!(query(&first, "SELECT 1").await, "1");
    first.stop().await.unwrap();
}

#[tokio::test]
async fn a_dropped_server_stops_and_the_next_start_waits_for_that() {
    let dir = TestDir::new("dev-drop");
    let first = dir.start().await;
    query(&first, "CREATE TABLE kept AS SELECT 42 AS answer").await;
    drop(first);
    let second = dir.start().await;
    assert_eq!(query(&second, "SELECT answer FROM kept").await, "42");
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_whose_supervisor_was_killed_is_noticed_and_stopped() {
    let dir = TestDir::new("dev-orphan");
    let mut first = dir.start().await;
    query(&first, "CREATE TABLE kept AS SELECT 42 AS answer").await;
    let orphan = dir.pid_file();
    signal(first.supervisor.id().unwrap(), Signal::SIGKILL);
    let reason = first.died().await.to_string();
    assert!(reason.contains("SIGKILL"), "{reason}");
    drop(first);
    assert!(orphan.is_alive(&dir.0.join("data")).await);

    let mut second = dir.start().await;
    gone(&orphan, &dir).await;
    assert_eq!(query(&second, "SELECT answer FROM kept").await, "42");

    let orphan = dir.pid_file();
    signal(second.supervisor.id().unwrap(), Signal::SIGKILL);
    second.died().await;
    second.stop().await.unwrap();
    gone(&orphan, &dir).await;
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_its_commits_are_kept() {
    let dir = TestDir::new("dev-crash");
    let mut first = dir.start().await;
    query(&first, "CREATE TABLE kept AS SELECT 42 AS answer").await;
    signal(dir.pid_file().pid().unwrap(), Signal::SIGKILL);
    let reason = first.died().await.to_string();
    assert!(reason.contains("PostgreSQL ended by itself"), "{reason}");
    first.stop().await.unwrap();

    let second = dir.start().await;
    assert_eq!(query(&second, "SELECT answer FROM kept").await, "42");
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_pid_file_with_the_number_of_a_stranger_is_no_obstacle() {
    let dir = TestDir::new("dev-stale");
    dir.start().await.stop().await.unwrap();
    let data = dir.0.join("data");
    let mut stranger = Command::new("sleep")
        .arg("600")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let number = stranger.id().unwrap();
    let text = format!(
        "{number}\n{}\n1700000000\n5432\n/x\n\n 0 0\nready   \n",
        data.display()
    );
    fs::write(data.join("postmaster.pid"), text).unwrap();
    let account = Account::choose(&data).unwrap();
    account.own(&data.join("postmaster.pid")).unwrap();

    let postgres = dir.start().await;
    assert_ne!(dir.pid_file().pid(), Some(number));
    assert_eq!(query(&postgres, "SELECT 1").await, "1");
    postgres.stop().await.unwrap();
    assert_eq!(stranger.try_wait().unwrap(), None);
}

#[tokio::test]
async fn a_cluster_of_another_version_is_left_alone() {
    let dir = TestDir::new("dev-version");
    let data = dir.0.join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "8.4\n").unwrap();
    if let Some((uid, gid)) = Account::choose(Path::new("/nonexistent/qtask"))
        .unwrap()
        .switch()
    {
        std::os::unix::fs::chown(&data, Some(uid), Some(gid)).unwrap();
    }
    let message = dir.start_error().await;
    assert!(
        message.contains("made by PostgreSQL 8, but this machine has"),
        "{message}"
    );
    assert_eq!(
        fs::read_to_string(data.join("PG_VERSION")).unwrap(),
        "8.4\n"
    );
}

#[tokio::test]
async fn an_unfinished_cluster_is_made_anew() {
    let dir = TestDir::new("dev-unfinished");
    fs::create_dir_all(dir.0.join("data.new/base")).unwrap();
    let postgres = dir.start().await;
    assert_eq!(query(&postgres, "SELECT 1").await, "1");
    assert!(!dir.0.join("data.new").exists());
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_directory_without_the_programs_is_named() {
    let dir = TestDir::new("dev-programs");
    let options = Options {
        bin_dir: Some("/nonexistent/bin".into()),
        ..dir.options()
    };
    let message = PrivatePostgres::start(options)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("/nonexistent/bin has no program postgres"),
        "{message}"
    );
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log() {
    let dir = TestDir::new("dev-broken");
    dir.start().await.stop().await.unwrap();
    fs::write(dir.0.join("data/postgresql.conf"), "no_such_setting = 1\n").unwrap();
    let message = dir.start_error().await;
    assert!(message.contains("no_such_setting"), "{message}");
}

#[tokio::test]
async fn a_long_path_still_gets_a_server() {
    let dir = TestDir::new("dev-long");
    let options = Options {
        data_dir: dir.0.join("x".repeat(100)),
        ..dir.options()
    };
    let postgres = PrivatePostgres::start(options).await.unwrap();
    assert_eq!(query(&postgres, "SELECT 1").await, "1");
    let socket: PathBuf = query(&postgres, "SHOW unix_socket_directories")
        .await
        .into();
    assert!(socket.is_dir());
    postgres.stop().await.unwrap();
    assert!(!socket.exists());
}
