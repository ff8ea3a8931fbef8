//! How a test says which processes it wants.

use url::Url;

use super::app::{App, QueueKind, Worker};
use super::{Process, TestDatabase, TestQueue, process};

/// Short times, so that a test sees a lease run out in seconds, and few connections, so that all tests at once fit into
/// what a server allows.
const SETTINGS: [(&str, &str); 5] = [
    ("QTASK_HEARTBEAT_INTERVAL", "500ms"),
    ("QTASK_LEASE_DURATION", "2s"),
    ("QTASK_SWEEP_INTERVAL", "200ms"),
    ("QTASK_REPUBLISH_AFTER", "1s"),
    ("DATABASE_POOL_SIZE", "4"),
];

/// Collects what an [`App`] is made of; see [`App::builder`].
#[derive(Debug)]
pub struct AppBuilder {
    kind: QueueKind,
    apis: usize,
    workers: Vec<Worker>,
    environment: Vec<(String, String)>,
    database: Option<TestDatabase>,
    queue: Option<TestQueue>,
}

impl AppBuilder {
    /// One API and no worker, over a database and queue of their own.
    pub fn new(kind: QueueKind) -> Self {
        Self {
            kind,
            apis: 1,
            workers: Vec::new(),
            environment: Vec::new(),
            database: None,
            queue: None,
        }
    }

    /// Starts this many API processes.
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

    /// Sets a variable for every process, over whatever the harness sets.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets the processes reach PostgreSQL at another URL, such as that of a proxy.
    #[must_use]
    pub fn database_url(self, url: &Url) -> Self {
        self.env("DATABASE_URL", url.as_str())
    }

    /// Lets the processes reach RabbitMQ at another URL, such as that of a proxy.
    #[must_use]
    pub fn rabbitmq_url(self, url: &Url) -> Self {
        self.env("RABBITMQ_URL", url.as_str())
    }

    /// Uses a database made before, such as one on a private server.
    #[must_use]
    pub fn database(mut self, database: TestDatabase) -> Self {
        self.database = Some(database);
        self
    }

    /// Uses queues named before, such as some on a private broker.
    #[must_use]
    pub fn queue(mut self, queue: TestQueue) -> Self {
        self.queue = Some(queue);
        self
    }

    /// Starts everything, and waits until all of it is ready.
    pub async fn start(self) -> App {
        let mut app = self.launch().await;
        app.wait_ready().await;
        app
    }

    /// Starts everything, and waits only until the APIs listen: for tests in which a service is away at first.
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
        let mut app = App::new(database, queue, environment);
        for _ in 0..self.apis {
            app.spawn_api();
        }
        for worker in &self.workers {
            app.spawn_worker(worker);
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

/// The level of the processes' logs. Tests wait for events of `qtask=debug`, so a level that is asked for is added.
fn log_level(wanted: Option<String>) -> String {
    let added = wanted.unwrap_or_else(|| "qtask::store=info".to_owned());
    format!("info,qtask=debug,{added}")
}

/// The address that an API wrote when it began to listen.
pub async fn address_of(api: &Process) -> String {
    let listening = api.wait_for("api.listening").await;
    let address = listening
        .field("address")
        .expect("the event names its address");
    format!("http://{}", address.replace("0.0.0.0", "127.0.0.1"))
}
