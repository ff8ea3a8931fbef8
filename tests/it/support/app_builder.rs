//! Configures the processes of a test.

use std::path::{Path, PathBuf};

use url::Url;

use super::app::{App, QueueKind, Worker};
use super::certificates::{Authority, CertificateFiles};
use super::client::http_client_builder;
use super::{Process, TestDatabase, TestQueue, process};

/// Short intervals, so that a lease expires within seconds, and few connections, so that all concurrent tests stay
/// below the server's connection limit.
const SETTINGS: [(&str, &str); 5] = [
    ("QTASK_HEARTBEAT_INTERVAL", "500ms"),
    ("QTASK_LEASE_DURATION", "2s"),
    ("QTASK_SWEEP_INTERVAL", "200ms"),
    ("QTASK_REPUBLISH_AFTER", "1s"),
    ("DATABASE_POOL_SIZE", "4"),
];

/// The configuration of an [`App`]; see [`App::builder`].
#[derive(Debug)]
pub struct AppBuilder {
    kind: QueueKind,
    apis: usize,
    workers: Vec<Worker>,
    environment: Vec<(String, String)>,
    database: Option<TestDatabase>,
    queue: Option<TestQueue>,
    http: reqwest::ClientBuilder,
    executable: PathBuf,
}

impl AppBuilder {
    /// One API and no worker, with a private database and private queues.
    pub fn new(kind: QueueKind) -> Self {
        Self {
            kind,
            apis: 1,
            workers: Vec::new(),
            environment: Vec::new(),
            database: None,
            queue: None,
            http: http_client_builder(),
            executable: process::current().to_owned(),
        }
    }

    /// Starts the first processes from another executable of `qtask`.
    #[must_use]
    pub fn executable(mut self, executable: &Path) -> Self {
        executable.clone_into(&mut self.executable);
        self
    }

    /// Lets the APIs speak https with this certificate; the app's client trusts its authority.
    #[must_use]
    pub fn https(mut self, authority: &Authority, files: &CertificateFiles) -> Self {
        self.http = self.http.tls_certs_only([authority.certificate()]);
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        self.env("QTASK_TLS_CERT_FILE", &text(&files.certificate))
            .env("QTASK_TLS_KEY_FILE", &text(&files.key))
    }

    /// Sets the number of API processes.
    #[must_use]
    pub fn apis(mut self, count: usize) -> Self {
        self.apis = count;
        self
    }

    /// Adds a worker.
    #[must_use]
    pub fn worker(mut self, worker: Worker) -> Self {
        self.workers.push(worker);
        self
    }

    /// Sets an environment variable of every process; overrides the harness's value.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Connects the processes to PostgreSQL at another URL, such as that of a proxy.
    #[must_use]
    pub fn database_url(self, url: &Url) -> Self {
        self.env("DATABASE_URL", url.as_str())
    }

    /// Connects the processes to RabbitMQ at another URL, such as that of a proxy.
    #[must_use]
    pub fn rabbitmq_url(self, url: &Url) -> Self {
        self.env("RABBITMQ_URL", url.as_str())
    }

    /// Uses an existing database, such as one on a private server.
    #[must_use]
    pub fn database(mut self, database: TestDatabase) -> Self {
        self.database = Some(database);
        self
    }

    /// Uses existing queues, such as some on a private broker.
    #[must_use]
    pub fn queue(mut self, queue: TestQueue) -> Self {
        self.queue = Some(queue);
        self
    }

    /// Starts all processes, and waits until they are ready.
    pub async fn start(self) -> App {
        let mut app = self.launch().await;
        app.wait_ready().await;
        app
    }

    /// Starts all processes, and waits only until the APIs listen: for tests in which a service is unreachable at
    /// first.
    pub async fn start_unready(self) -> App {
        let mut app = self.launch().await;
        app.wait_listening().await;
        app
    }

    async fn launch(self) -> App {
        let database = match self.database {
            Some(database) => database,
            None => TestDatabase::create().await,
        };
        let queue = match (self.kind, self.queue) {
            (QueueKind::Postgres, _) => None,
            (QueueKind::Amqp, Some(queue)) => Some(queue),
            (QueueKind::Amqp, None) => Some(TestQueue::create()),
        };
        let mut environment = base_environment(&database, queue.as_ref());
        environment.extend(self.environment);
        let mut app = App::new(database, queue, environment, self.http);
        for _ in 0..self.apis {
            app.spawn_api_from(&self.executable);
        }
        for worker in &self.workers {
            app.spawn_worker_from(&self.executable, worker);
        }
        app
    }
}

fn base_environment(database: &TestDatabase, queue: Option<&TestQueue>) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> = SETTINGS
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let mut set = |key: &str, value: &str| environment.push((key.to_owned(), value.to_owned()));
    set("LOG_LEVEL", &log_level(process::wanted_log()));
    set("DATABASE_URL", database.url().as_str());
    if let Some(queue) = queue {
        set("RABBITMQ_URL", queue.broker().as_str());
        set("QTASK_QUEUE", queue.base());
    }
    environment
}

/// The log level of the processes. Tests wait for events of `qtask=debug`, so a requested level is appended to it.
fn log_level(wanted: Option<String>) -> String {
    let added = wanted.unwrap_or_else(|| "qtask::store=info".to_owned());
    format!("info,qtask=debug,{added}")
}

/// The address in the log event of an API that has begun to listen.
pub async fn address_of(api: &Process) -> String {
    let listening = api.wait_for("api.listening").await;
    let address = listening
        .field("address")
        .expect("the event names its address")
        .replace("0.0.0.0", "127.0.0.1");
    let scheme = match listening.field("tls").as_deref() {
        Some("true") => "https",
        _ => "http",
    };
    format!("{scheme}://{address}")
}
