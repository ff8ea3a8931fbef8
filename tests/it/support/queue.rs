//! Private queues of a test on a broker, and operations on them that bypass qtask.

use amqprs::channel::{
    BasicPublishArguments, Channel, QueueDeclareArguments, QueueDeleteArguments,
    QueuePurgeArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::{BasicProperties, DELIVERY_MODE_PERSISTENT};
use percent_encoding::percent_decode_str;
use url::Url;
use uuid::Uuid;

use super::{kept, services, wait};

/// The backends whose queues a test may use; their queues are deleted after it.
const BACKENDS: [&str; 4] = ["simulator", "mock", "aiopslab", "aer"];

/// A family of queues with a unique name.
#[derive(Debug)]
pub struct TestQueue {
    broker: Url,
    base: String,
}

impl TestQueue {
    /// A unique name on the shared broker. qtask declares the queues.
    pub fn create() -> Self {
        Self::create_on(&services::rabbitmq_url())
    }

    /// A unique name on another broker.
    pub fn create_on(broker: &Url) -> Self {
        Self {
            broker: broker.clone(),
            base: format!("qtask_test_{}", Uuid::now_v7().simple()),
        }
    }

    /// Takes over queues that a test has kept, and deletes them on drop.
    pub fn adopt(broker: &Url, base: &str) -> Self {
        Self {
            broker: broker.clone(),
            base: base.to_owned(),
        }
    }

    /// The value for `QTASK_QUEUE`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The broker's URL.
    pub fn broker(&self) -> &Url {
        &self.broker
    }

    /// The broker's URL through a proxy on this loopback port.
    pub fn broker_through(&self, port: u16) -> Url {
        let mut url = self.broker.clone();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        url
    }

    /// The queue of a backend.
    pub fn of(&self, backend: &str) -> String {
        if backend == "simulator" {
            self.base.clone()
        } else {
            format!("{}.{backend}", self.base)
        }
    }

    /// The number of messages in the backend's queue, or `None` if there is no such queue.
    pub async fn depth(&self, backend: &str) -> Option<u32> {
        let (_connection, channel) = open(&self.broker).await;
        let mut look = QueueDeclareArguments::new(&self.of(backend));
        look.passive(true);
        let (_, messages, _consumers) = channel.queue_declare(look).await.ok()??;
        Some(messages)
    }

    /// The number of messages in all queues of this family.
    pub async fn total_depth(&self) -> u32 {
        let mut total = 0;
        for backend in BACKENDS {
            total += self.depth(backend).await.unwrap_or(0);
        }
        total
    }

    /// The same; `None` if the broker is unreachable.
    pub async fn try_total_depth(&self) -> Option<u32> {
        let (connection, _) = try_open(&self.broker).await.ok()?;
        let depth = self.total_depth().await;
        connection.close().await.ok()?;
        Some(depth)
    }

    /// Declares the backend's queue with changed arguments, before qtask does. An exclusive queue is deleted when
    /// the connection closes.
    pub async fn declare(
        &self,
        backend: &str,
        change: impl FnOnce(&mut QueueDeclareArguments),
    ) -> Connection {
        let (connection, channel) = open(&self.broker).await;
        let mut arguments = QueueDeclareArguments::durable_client_named(&self.of(backend));
        change(&mut arguments);
        channel
            .queue_declare(arguments)
            .await
            .expect("a declared queue");
        connection
    }

    /// Deletes the waiting messages of the backend's queue.
    pub async fn purge(&self, backend: &str) {
        let (connection, channel) = open(&self.broker).await;
        channel
            .queue_purge(QueuePurgeArguments::new(&self.of(backend)))
            .await
            .expect("a purged queue");
        connection.close().await.expect("a closed connection");
    }

    /// Deletes the backend's queue, with messages and consumers.
    pub async fn delete(&self, backend: &str) {
        let (connection, channel) = open(&self.broker).await;
        channel
            .queue_delete(QueueDeleteArguments::new(&self.of(backend)))
            .await
            .expect("a deleted queue");
        connection.close().await.expect("a closed connection");
    }

    /// Publishes arbitrary bytes to the backend's queue, which must exist.
    pub async fn publish(&self, backend: &str, body: &[u8]) {
        let (connection, channel) = open(&self.broker).await;
        let properties = BasicProperties::default()
            .with_delivery_mode(DELIVERY_MODE_PERSISTENT)
            .finish();
        let to = BasicPublishArguments::new("", &self.of(backend));
        channel
            .basic_publish(properties, body.to_vec(), to)
            .await
            .expect("a published message");
        channel.close().await.expect("a closed channel");
        connection.close().await.expect("a closed connection");
    }
}

impl Drop for TestQueue {
    fn drop(&mut self) {
        if kept::is_kept() {
            kept::report("queues", &format!("{0} and {0}.*", self.base));
            return;
        }
        let broker = self.broker.clone();
        let queues = BACKENDS.map(|backend| self.of(backend));
        wait::finish_now(async move {
            // A private broker may have stopped before its queues are deleted; it is deleted with them.
            let Ok((connection, channel)) = try_open(&broker).await else {
                return;
            };
            for queue in queues {
                // Deleting a queue that does not exist succeeds.
                if let Err(error) = channel
                    .queue_delete(QueueDeleteArguments::new(&queue))
                    .await
                {
                    eprintln!("queue {queue} stays behind: {error}");
                }
            }
            let _ = connection.close().await;
        });
    }
}

async fn open(broker: &Url) -> (Connection, Channel) {
    try_open(broker)
        .await
        .unwrap_or_else(|error| panic!("RabbitMQ at port {:?}: {error}", broker.port()))
}

/// Opens a connection with one channel.
pub async fn try_open(broker: &Url) -> Result<(Connection, Channel), amqprs::error::Error> {
    let host = broker.host_str().unwrap_or("127.0.0.1");
    let user = if broker.username().is_empty() {
        "guest"
    } else {
        broker.username()
    };
    let password = broker.password().unwrap_or("guest");
    let vhost = percent_decode_str(broker.path().trim_start_matches('/')).decode_utf8_lossy();
    let vhost = if vhost.is_empty() { "/" } else { &*vhost };
    let mut arguments =
        OpenConnectionArguments::new(host, broker.port().unwrap_or(5672), user, password);
    arguments.virtual_host(vhost);
    let connection = Connection::open(&arguments).await?;
    let channel = connection.open_channel(None).await?;
    Ok((connection, channel))
}
