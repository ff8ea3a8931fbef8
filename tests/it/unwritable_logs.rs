//! Processes whose output goes nowhere: closed, full, or into a pipe that its reader does not read.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::process::Child;

use crate::support::TestDatabase;
use crate::support::client::send;
use crate::support::process::qtask;
use crate::support::wait::{DEADLINE, TempDir, eventually, free_port};

/// More lines than the pipe here holds.
const TASKS: usize = 50;

#[derive(Debug, Clone, Copy)]
enum Output {
    /// Its reader has gone.
    Closed,
    /// On a disk without room.
    Full,
    /// Its reader is there and reads nothing.
    NotRead,
}

impl Output {
    /// The end to write to, and what must live on meanwhile.
    fn open(self) -> (OwnedFd, Option<OwnedFd>) {
        if matches!(self, Self::Full) {
            let full = File::options().write(true).open("/dev/full");
            return (full.expect("/dev/full").into(), None);
        }
        let (reader, writer) = nix::unistd::pipe().expect("a pipe");
        fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).expect("a small pipe");
        let kept = matches!(self, Self::NotRead).then_some(reader);
        (writer, kept)
    }
}

/// A process with such an output for its log.
struct Muted {
    child: Child,
    _reader: Option<OwnedFd>,
}

impl Muted {
    fn start(output: Output, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let (stderr, reader) = output.open();
        let stdout = stderr.try_clone().expect("a descriptor");
        let child = qtask(arguments)
            .envs(environment.iter().copied())
            .env("LOG_FORMAT", "json")
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr))
            .spawn()
            .expect("qtask starts");
        Self {
            child,
            _reader: reader,
        }
    }

    /// Asks it to end, and fails unless it does so in order.
    async fn stop(mut self) {
        let pid = i32::try_from(self.child.id().expect("a running process")).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("a signal");
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        let status = ended.expect("it ends in time").expect("its exit status");
        assert!(status.success(), "{status}");
    }
}

async fn wait_ready(client: &Client, base: &str) {
    eventually(DEADLINE, &format!("{base} to be ready"), || async {
        let reply = send(client.get(format!("{base}/readyz"))).await.ok()?;
        (reply.status == 200).then_some(())
    })
    .await;
}

async fn submit_and_wait(client: &Client, base: &str) {
    let mut ids = Vec::new();
    for _ in 0..TASKS {
        let task = json!({"circuit": "x", "backend": "mock"});
        let reply = send(client.post(format!("{base}/tasks")).json(&task)).await;
        let created = reply.expect("an answer").expect(201);
        ids.push(created["task_id"].as_str().expect("an id").to_owned());
    }
    for id in ids {
        eventually(DEADLINE, "a completed task", || async {
            let reply = send(client.get(format!("{base}/tasks/{id}"))).await.ok()?;
            (reply.body["status"] == "completed").then_some(())
        })
        .await;
    }
}

/// Waits until the process counts lines that it could not write.
async fn wait_dropped(client: &Client, base: &str) {
    eventually(DEADLINE, "a count of dropped lines", || async {
        let metrics = send(client.get(format!("{base}/metrics"))).await.ok()?.body;
        let Value::String(text) = metrics else {
            return None;
        };
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("qtask_log_lines_dropped_total "))?;
        count
            .parse::<u64>()
            .is_ok_and(|count| count > 0)
            .then_some(())
    })
    .await;
}

async fn tasks_go_on(output: Output) {
    let database = TestDatabase::create().await;
    let url = database.url();
    let (port, health_port) = (free_port().to_string(), free_port().to_string());
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_POOL_SIZE", "4"),
        ("LOG_LEVEL", "debug"),
    ];
    let api = ["serve", "--host", "127.0.0.1", "--port", &port];
    let api = Muted::start(output, &api, &environment);
    let worker = ["work", "--backend", "mock", "--health-port", &health_port];
    let worker = Muted::start(output, &worker, &environment);
    let client = crate::support::client::http_client();
    let base = format!("http://127.0.0.1:{port}");
    let worker_base = format!("http://127.0.0.1:{health_port}");
    wait_ready(&client, &base).await;
    wait_ready(&client, &worker_base).await;
    submit_and_wait(&client, &base).await;
    if !matches!(output, Output::NotRead) {
        wait_dropped(&client, &base).await;
        wait_dropped(&client, &worker_base).await;
    }
    tokio::join!(api.stop(), worker.stop());
}

#[tokio::test]
async fn tasks_are_taken_and_run_where_the_log_is_closed() {
    tasks_go_on(Output::Closed).await;
}

#[tokio::test]
async fn tasks_are_taken_and_run_where_the_logs_disk_is_full() {
    tasks_go_on(Output::Full).await;
}

#[tokio::test]
async fn tasks_are_taken_and_run_where_nobody_reads_the_log() {
    tasks_go_on(Output::NotRead).await;
}

async fn dev_goes_on(output: Output) {
    let directory = TempDir::new("dev-muted");
    let port = free_port().to_string();
    let data_dir = directory.path().to_str().expect("a path in UTF-8");
    let arguments = ["dev", "--port", &port, "--data-dir", data_dir];
    let dev = Muted::start(output, &arguments, &[("LOG_LEVEL", "debug")]);
    let client = crate::support::client::http_client();
    let base = format!("http://127.0.0.1:{port}");
    wait_ready(&client, &base).await;
    submit_and_wait(&client, &base).await;
    dev.stop().await;
}

#[tokio::test]
async fn dev_runs_and_ends_where_its_terminal_has_gone() {
    dev_goes_on(Output::Closed).await;
}

#[tokio::test]
async fn dev_runs_and_ends_where_nobody_reads_its_output() {
    dev_goes_on(Output::NotRead).await;
}

/// The exit code, and what was written to standard error.
async fn run_into(output: Output, arguments: &[&str]) -> (Option<i32>, String) {
    let (stdout, _reader) = output.open();
    let running = qtask(arguments)
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::piped())
        .spawn()
        .expect("qtask starts");
    let ended = tokio::time::timeout(DEADLINE, running.wait_with_output()).await;
    let ended = ended.expect("it ends in time").expect("its output");
    (
        ended.status.code(),
        String::from_utf8_lossy(&ended.stderr).into_owned(),
    )
}

#[tokio::test]
async fn commands_end_quietly_where_nobody_wants_the_rest() {
    let directory = TempDir::new("quiet");
    let circuit = directory.path().join("bell.qasm");
    std::fs::write(&circuit, "OPENQASM 3; qubit q; h q; measure q;").expect("a circuit");
    let circuit = circuit.to_str().expect("a path in UTF-8");
    for arguments in [&["--help"][..], &["list", "--help"], &["check", circuit]] {
        let (code, errors) = run_into(Output::Closed, arguments).await;
        assert!(matches!(code, Some(0 | 141)), "{arguments:?} {code:?}");
        assert_eq!(errors, "", "{arguments:?}");
    }
    let (code, errors) = run_into(Output::Full, &["check", circuit]).await;
    assert_ne!(code, Some(0));
    assert!(errors.contains("No space left"), "{errors}");
}

#[tokio::test]
async fn a_migration_is_done_where_nobody_hears_of_it() {
    let database = TestDatabase::create_empty().await;
    let url = database.url();
    for output in [Output::Closed, Output::Full] {
        let arguments = ["migrate", "--database-url", url.as_str()];
        let (stdout, _reader) = output.open();
        let mut running = qtask(&arguments)
            .stdout(Stdio::from(stdout.try_clone().expect("a descriptor")))
            .stderr(Stdio::from(stdout))
            .spawn()
            .expect("qtask starts");
        let ended = tokio::time::timeout(Duration::from_mins(1), running.wait()).await;
        let status = ended.expect("it ends in time").expect("its exit status");
        assert!(status.success(), "{status}");
    }
    assert_eq!(database.tasks_in("pending").await, 0);
}
