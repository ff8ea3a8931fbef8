//! `qtask dev`: everything on one machine, over a PostgreSQL of its own.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what these helpers cannot have, the test cannot go on without"
)]

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::Process;
use crate::support::client::send;
use crate::support::process::run;
use crate::support::wait::{DEADLINE, TempDir, eventually};

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
        let listening = process.wait_for("listening").await;
        let address = listening.field("address").expect("its address");
        Self { process, address }
    }

    async fn call(
        &self,
        request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Value {
        let client = reqwest::Client::new();
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
