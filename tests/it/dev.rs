//! `qtask dev`: everything on one machine, over a PostgreSQL of its own.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what these helpers cannot have, the test cannot go on without"
)]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::Process;
use crate::support::client::send;
use crate::support::process::{qtask, run};
use crate::support::wait::{DEADLINE, TempDir, eventually, free_port};

const BELL: &str = "OPENQASM 3.0; include \"stdgates.inc\"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;";

/// A running `qtask dev` and the address of its API.
struct Dev {
    process: Process,
    address: String,
}

impl Dev {
    async fn start(directory: &Path) -> Self {
        let directory = directory.to_str().expect("a path in UTF-8");
        let arguments = ["dev", "--port", "0", "--data-dir", directory];
        let process = Process::spawn("dev", &arguments, &[]);
        let listening = process.wait_for("api.listening").await;
        let address = listening.field("address").expect("its address");
        Self { process, address }
    }

    async fn call(
        &self,
        request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Value {
        let client = crate::support::client::http_client();
        let reply = send(request(&client, &format!("http://{}", self.address))).await;
        let reply = reply.expect("an answer");
        assert!(reply.status.is_success(), "{}", reply.body);
        reply.body
    }

    /// Submits a circuit and returns its id.
    async fn submit(&self) -> String {
        let task = json!({"circuit": BELL, "shots": 100});
        let created = self
            .call(|client, api| client.post(format!("{api}/tasks")).json(&task))
            .await;
        created["task_id"].as_str().expect("a task_id").to_owned()
    }

    async fn wait_completed(&self, id: &str) {
        eventually(DEADLINE, "the task is completed", || async {
            let task = self
                .call(|client, api| client.get(format!("{api}/tasks/{id}?wait=5")))
                .await;
            (task["status"] == "completed").then_some(())
        })
        .await;
    }
}

fn server_of(directory: &Path) -> Option<String> {
    std::fs::read_to_string(directory.join("data/postmaster.pid")).ok()
}

#[tokio::test]
async fn one_command_runs_circuits_and_ends_without_a_trace_of_a_process() {
    let directory = TempDir::new("dev");
    let mut dev = Dev::start(directory.path()).await;
    let id = dev.submit().await;
    dev.wait_completed(&id).await;
    assert!(server_of(directory.path()).is_some());

    dev.process.signal(Signal::SIGINT);
    let status = dev.process.wait_exit(DEADLINE).await;
    assert!(status.success(), "{status}");
    assert_eq!(server_of(directory.path()), None);
}

#[tokio::test]
async fn killed_it_takes_its_database_along_and_keeps_the_data() {
    let directory = TempDir::new("dev-killed");
    let mut dev = Dev::start(directory.path()).await;
    let id = dev.submit().await;
    dev.wait_completed(&id).await;
    dev.process.kill9().await;
    eventually(
        Duration::from_secs(20),
        "PostgreSQL ends by itself",
        || async { server_of(directory.path()).is_none().then_some(()) },
    )
    .await;

    let mut again = Dev::start(directory.path()).await;
    again.wait_completed(&id).await;
    again.process.kill9().await;

    // At once, while the killed one's database is still being stopped.
    let mut third = Dev::start(directory.path()).await;
    third.wait_completed(&id).await;
    assert!(third.process.terminate().await.success());
}

#[tokio::test]
async fn a_second_one_on_the_same_directory_is_refused_with_the_number_of_the_first() {
    let directory = TempDir::new("dev-second");
    let mut dev = Dev::start(directory.path()).await;
    let holder = std::fs::read_to_string(directory.path().join("owner.lock")).expect("the lock");
    let path = directory.path().to_str().expect("a path in UTF-8");
    let output = run(&["dev", "--port", "0", "--data-dir", path], &[]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains(&format!("(pid {})", holder.trim())), "{said}");

    let id = dev.submit().await;
    dev.wait_completed(&id).await;
    assert!(dev.process.terminate().await.success());
}

/// The log of a terminal: warnings are worth reading, and nothing is said twice in one line.
#[tokio::test]
async fn its_log_for_people_has_no_warning_and_names_a_task_once_a_line() {
    let directory = TempDir::new("dev-pretty");
    let log = directory.path().join("log");
    let data_dir = directory.path().join("data-dir");
    let port = free_port().to_string();
    let data_dir = data_dir.to_str().expect("a path in UTF-8");
    let mut child = qtask(&["dev", "--port", &port, "--data-dir", data_dir])
        .env("LOG_FORMAT", "pretty")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a log"))
        .spawn()
        .expect("qtask starts");
    let client = crate::support::client::http_client();
    let base = format!("http://127.0.0.1:{port}");
    let task = json!({"circuit": BELL});
    let created = eventually(DEADLINE, "an accepted task", || async {
        let reply = send(client.post(format!("{base}/tasks")).json(&task)).await;
        reply.ok().filter(|reply| reply.status == 201)
    });
    let id = created.await.body["task_id"].clone();
    let path = format!("{base}/tasks/{}", id.as_str().expect("an id"));
    eventually(DEADLINE, "a completed task", || async {
        let task = send(client.get(&path)).await.ok()?.body;
        (task["status"] == "completed").then_some(())
    })
    .await;
    let pid = i32::try_from(child.id().expect("a process")).expect("a pid");
    kill(Pid::from_raw(pid), Signal::SIGINT).expect("a signal");
    let ended = tokio::time::timeout(DEADLINE, child.wait()).await;
    assert!(ended.expect("in time").expect("a status").success());
    let text = std::fs::read_to_string(&log).expect("a log");
    assert!(text.contains("event=task.completed"), "{text}");
    for line in text.lines() {
        let (time, rest) = line.split_once(' ').expect("a time");
        assert_eq!(time.len(), "2026-01-01T00:00:00.000Z".len(), "{line}");
        // A slow statement is the machine's, not the start's.
        assert!(
            !rest.contains("WARN") || rest.contains("event=database.slow_statement"),
            "{line}"
        );
        assert!(rest.matches("task_id=").count() <= 1, "{line}");
    }
}
