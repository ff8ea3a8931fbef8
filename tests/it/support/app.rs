//! A complete qtask: APIs, workers, a private database and, if requested, private queues.

use std::path::Path;

use tokio::sync::OnceCell;

use super::app_builder::{AppBuilder, address_of};
use super::client;
use super::contract::Description;
use super::memory_group::MemoryGroup;
use super::process::current;
use super::wait::{self, eventually};
use super::{Process, TestDatabase, TestQueue};

/// The queue that delivers tasks to the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    /// RabbitMQ.
    Amqp,
    /// PostgreSQL; no broker is configured.
    Postgres,
}

/// The configuration of a worker process.
#[derive(Debug, Clone)]
pub struct Worker {
    name: String,
    arguments: Vec<String>,
}

impl Worker {
    /// A worker for one backend, such as `mock`, with one slot.
    pub fn new(name: &str, backend: &str) -> Self {
        Self::with(name, "--backend", backend)
    }

    /// A worker for one command, given as `BACKEND=PROGRAM ARGS`, with one slot.
    pub fn command(name: &str, command: &str) -> Self {
        Self::with(name, "--command", command)
    }

    fn with(name: &str, flag: &str, value: &str) -> Self {
        let worker = Self {
            name: name.to_owned(),
            arguments: Vec::new(),
        };
        worker.args(&[
            "--name",
            name,
            flag,
            value,
            "--concurrency",
            "1",
            "--shutdown-grace",
            "5s",
        ])
    }

    /// Adds flags of `qtask work`; a later one replaces an earlier one.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        for pair in arguments.chunks(2) {
            let repeatable = ["--backend", "--command", "--command-env"].contains(&pair[0]);
            let before = self
                .arguments
                .iter()
                .position(|flag| *flag == pair[0])
                .filter(|_| !repeatable);
            if let Some(before) = before {
                self.arguments.drain(before..before + 2);
            }
            self.arguments.extend(pair.iter().map(ToString::to_string));
        }
        self
    }
}

/// The running processes of one test. Fields drop in order: processes first, then the services that they use.
///
/// A test ends an app in one of three ways. [`finish`](App::finish) stops every process gracefully. A drop kills
/// them, and fails a passing test if work is left. [`abandon_work`](App::abandon_work) permits leftover work.
#[derive(Debug)]
pub struct App {
    /// The API processes.
    pub apis: Vec<Process>,
    /// The worker processes.
    pub workers: Vec<Process>,
    /// Their queues, if there is a broker.
    pub queue: Option<TestQueue>,
    /// Their database.
    pub database: TestDatabase,
    environment: Vec<(String, String)>,
    addresses: Vec<String>,
    pub(super) http: reqwest::Client,
    pub(super) description: OnceCell<Description>,
    may_leave_work: bool,
}

impl App {
    /// Configures an app.
    pub fn builder(kind: QueueKind) -> AppBuilder {
        AppBuilder::new(kind)
    }

    pub(super) fn new(
        database: TestDatabase,
        queue: Option<TestQueue>,
        environment: Vec<(String, String)>,
        http: reqwest::ClientBuilder,
    ) -> Self {
        let http = http
            .timeout(wait::DEADLINE * 2)
            .build()
            .expect("an HTTP client");
        Self {
            apis: Vec::new(),
            workers: Vec::new(),
            queue,
            database,
            environment,
            addresses: Vec::new(),
            http,
            description: OnceCell::new(),
            may_leave_work: false,
        }
    }

    /// Starts one more API without waiting for it.
    pub fn spawn_api(&mut self) {
        self.spawn_api_from(current());
    }

    /// The same with another executable of `qtask`.
    pub fn spawn_api_from(&mut self, executable: &Path) {
        self.spawn_api_at(executable, 0);
    }

    /// The same on this port.
    pub fn spawn_api_at(&mut self, executable: &Path, port: u16) {
        let port = port.to_string();
        let name = format!("api-{}", self.apis.len());
        self.apis.push(Process::spawn_from(
            executable,
            &name,
            &["serve", "--host", "127.0.0.1", "--port", &port],
            &self.environment,
        ));
    }

    /// Starts one more worker without waiting for it.
    pub fn spawn_worker(&mut self, worker: &Worker) {
        self.spawn_worker_from(current(), worker);
    }

    /// The same with another executable of `qtask`.
    pub fn spawn_worker_from(&mut self, executable: &Path, worker: &Worker) {
        let mut arguments = vec!["work"];
        arguments.extend(worker.arguments.iter().map(String::as_str));
        let environment = &self.environment;
        let process = Process::spawn_from(executable, &worker.name, &arguments, environment);
        self.workers.push(process);
    }

    /// Starts one more worker in a group of processes whose memory is limited, without waiting for it.
    pub fn spawn_limited_worker(&mut self, worker: &Worker, group: &MemoryGroup) {
        let mut arguments = vec!["work"];
        arguments.extend(worker.arguments.iter().map(String::as_str));
        self.workers.push(Process::spawn_limited(
            &worker.name,
            &arguments,
            &self.environment,
            group,
        ));
    }

    /// Starts one more worker and waits until it is ready.
    pub async fn start_worker(&mut self, worker: &Worker) -> &mut Process {
        self.spawn_worker(worker);
        let started = self.workers.last_mut().expect("the worker just started");
        started.wait_for("worker.ready").await;
        started
    }

    /// Waits until every API started so far listens.
    pub async fn wait_listening(&mut self) {
        for api in &self.apis[self.addresses.len()..] {
            self.addresses.push(address_of(api).await);
        }
    }

    /// Waits until every process started since the last wait is ready: connected to its database, and to its broker
    /// if there is one.
    pub async fn wait_ready(&mut self) {
        let waited = self.addresses.len();
        self.wait_listening().await;
        for address in &self.addresses[waited..] {
            let probe = || async {
                let request = self.http.get(format!("{address}/health"));
                let health = client::send(request).await.ok()?.body;
                (health["status"] == "healthy").then_some(())
            };
            eventually(wait::DEADLINE, &format!("{address} to be healthy"), probe).await;
        }
        for worker in &self.workers {
            worker.wait_for("worker.ready").await;
        }
    }

    /// The URL of a path on the API with this index.
    pub fn url(&self, api: usize, path: &str) -> String {
        format!("{}{path}", self.addresses[api])
    }

    /// Fails unless, within a few seconds, no task is running and no message waits: acks follow outcomes.
    pub async fn assert_nothing_left_behind(&self) {
        assert_eq!(
            self.database.tasks_in("processing").await,
            0,
            "tasks are still running"
        );
        if let Some(queue) = &self.queue {
            let empty = || async { (queue.total_depth().await == 0).then_some(()) };
            eventually(wait::DEADLINE, "queues without messages", empty).await;
        }
    }

    /// Ends the test gracefully: checks that no work is left, and that every process exits when asked to.
    pub async fn finish(mut self) {
        self.assert_nothing_left_behind().await;
        self.may_leave_work = true;
        for process in self.workers.iter_mut().chain(&mut self.apis) {
            let status = process.terminate().await;
            assert!(status.success(), "{} ended with {status}", process.name());
            process.assert_no_panic();
        }
    }

    /// Kills all processes; the test leaves tasks running or messages unread on purpose.
    pub fn abandon_work(mut self) {
        self.may_leave_work = true;
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if !self.may_leave_work && !std::thread::panicking() {
            let left = wait::on_a_thread(|| self.leftovers()).flatten();
            assert!(
                left.is_none(),
                "the test leaves work: {}",
                left.unwrap_or_default()
            );
        }
    }
}
