//! Private queues, and waiting with a deadline.

use std::future::Future;
use std::time::Duration;

use amqprs::channel::{QueueDeclareArguments, QueueDeleteArguments, QueuePurgeArguments};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::super::connection::{Link, LinkChannel};
use super::super::{
    AmqpConfig, Consumer, Deliveries, Delivery, OutgoingMessage, Publisher, queue_name,
};

pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Queues with a unique base name, deleted at the end.
pub(super) struct Queues {
    pub(super) config: AmqpConfig,
    /// A configuration that reaches the broker without the proxy of `config`.
    direct: AmqpConfig,
    backends: Vec<String>,
    pub(super) shutdown: CancellationToken,
}

impl Queues {
    pub(super) fn new(backends: &[&str]) -> Self {
        Self::at(&broker_url(), backends)
    }

    pub(super) fn at(url: &str, backends: &[&str]) -> Self {
        let mut config = AmqpConfig::parse(url, None).unwrap();
        config.queue = format!("qtask-test-{}", Uuid::now_v7());
        config.connection_name = "qtask test".to_owned();
        Self {
            direct: config.clone(),
            config,
            backends: backends.iter().map(|&b| b.to_owned()).collect(),
            shutdown: CancellationToken::new(),
        }
    }

    /// Uses `port` on this machine for everything but the clean-up.
    pub(super) fn through(mut self, port: u16) -> Self {
        let url = url::Url::parse(&broker_url()).unwrap();
        let (user, password) = (url.username(), url.password().unwrap());
        let url = format!("amqp://{user}:{password}@127.0.0.1:{port}{}", url.path());
        let queue = std::mem::take(&mut self.config.queue);
        self.config = AmqpConfig::parse(&url, None).unwrap();
        self.config.queue = queue;
        self
    }

    pub(super) async fn publisher(&self) -> Publisher {
        let publisher = Publisher::start(self.config.clone(), &self.shutdown);
        within("the publisher", publisher.wait_up()).await;
        publisher
    }

    pub(super) async fn consumer(&self, prefetch: u16) -> (Consumer, Deliveries) {
        let backends = self.backends.clone();
        let (consumer, deliveries) =
            Consumer::start(self.config.clone(), backends, prefetch, &self.shutdown);
        within("the consumer", consumer.wait_up()).await;
        (consumer, deliveries)
    }

    pub(super) async fn delete(&self, backend: &str) {
        let queue = queue_name(&self.config.queue, backend);
        raw(&self.direct, async |_, channel| {
            let arguments = QueueDeleteArguments::new(&queue);
            channel.channel.queue_delete(arguments).await.unwrap();
        })
        .await;
    }

    pub(super) async fn purge(&self, backend: &str) {
        let queue = queue_name(&self.config.queue, backend);
        raw(&self.direct, async |_, channel| {
            let arguments = QueuePurgeArguments::new(&queue);
            channel.channel.queue_purge(arguments).await.unwrap();
        })
        .await;
    }

    /// Declares the queue with arguments other than those of qtask.
    pub(super) async fn declare_otherwise(&self, backend: &str, durable: bool) {
        let queue = queue_name(&self.config.queue, backend);
        raw(&self.direct, async |_, channel| {
            let mut arguments = QueueDeclareArguments::durable_client_named(&queue);
            arguments.durable(durable);
            channel.channel.queue_declare(arguments).await.unwrap();
        })
        .await;
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        self.shutdown.cancel();
        let direct = self.direct.clone();
        let queues: Vec<String> = (self.backends.iter())
            .map(|backend| queue_name(&direct.queue, backend))
            .collect();
        let clean_up = async move {
            raw(&direct, async |_, channel| {
                for queue in &queues {
                    let _ = channel
                        .channel
                        .queue_delete(QueueDeleteArguments::new(queue))
                        .await;
                }
            })
            .await;
        };
        // Drop cannot wait inside the test's own runtime.
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let limited = async { timeout(DEADLINE, clean_up).await };
            let _ = runtime.unwrap().block_on(limited);
        });
        let _ = thread.join();
    }
}

async fn raw(config: &AmqpConfig, work: impl AsyncFnOnce(&Link, &LinkChannel)) {
    let Ok(link) = Link::open(config, "test").await else {
        return;
    };
    let channel = link.open_channel(None).await.unwrap();
    work(&link, &channel).await;
    channel.close(&link).await;
    link.close().await;
}

pub(super) fn broker_url() -> String {
    std::env::var("RABBITMQ_URL")
        .unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

pub(super) fn message(backend: &str) -> OutgoingMessage {
    OutgoingMessage {
        task_id: Uuid::now_v7(),
        backend: backend.to_owned(),
        priority: 5,
        correlation_id: "test".to_owned(),
        trace: None,
    }
}

pub(super) fn messages(backend: &str, count: usize) -> Vec<OutgoingMessage> {
    (0..count).map(|_| message(backend)).collect()
}

pub(super) async fn publish_all(publisher: &Publisher, messages: Vec<OutgoingMessage>) {
    for outcome in publisher.publish(messages).await {
        assert_eq!(outcome, Ok(()));
    }
}

/// Takes `count` deliveries.
pub(super) async fn take(deliveries: &mut Deliveries, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let missing = count - taken.len();
        let got = within("deliveries", deliveries.recv_many(&mut taken, missing)).await;
        assert!(got > 0, "the consumer was closed");
    }
    taken
}

/// Waits for a queue to hold `count` ready messages.
pub(super) async fn depth_becomes(publisher: &Publisher, backend: &str, count: u32) {
    within(&format!("{count} messages"), async {
        while publisher.queue_depth(backend).await.unwrap() != Some(count) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(super) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let outcome = timeout(DEADLINE, work).await;
    outcome.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}
