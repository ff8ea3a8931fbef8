//! Connections that `serve` and `work` hold while they run: the store, the broker, and the sweep over both.

use tokio_util::sync::CancellationToken;

use crate::config::timing::SweepSettings;
use crate::queue::amqp::{AmqpConfig, Publisher};
use crate::service::dispatcher::Dispatcher;
use crate::service::sweep;
use crate::store::{DatabaseSettings, Pools, QueuePolicy, Store, StoreError};

/// The connections of one process.
pub struct Connections {
    /// The store of tasks.
    pub store: Store,
    /// Dispatches tasks to the workers.
    pub dispatcher: Dispatcher,
    link: CancellationToken,
}

impl Connections {
    /// Connects in the background, and sweeps until `stop` is cancelled.
    pub fn open(
        database: &DatabaseSettings,
        broker: Option<AmqpConfig>,
        rules: QueuePolicy,
        sweep: SweepSettings,
        stop: &CancellationToken,
    ) -> Result<Self, StoreError> {
        let link = CancellationToken::new();
        let dispatcher = match broker {
            Some(config) => Dispatcher::Amqp(Publisher::start(config, &link)),
            None => Dispatcher::Postgres,
        };
        let store = Store::new(Pools::new(database)?, rules);
        sweep::announce_retention(store.retention());
        tokio::spawn(sweep::run(
            store.clone(),
            dispatcher.clone(),
            sweep,
            stop.clone(),
        ));
        Ok(Self {
            store,
            dispatcher,
            link,
        })
    }

    /// Closes the broker connection and waits until it is closed: the client library panics when the runtime
    /// is dropped before its connection.
    pub async fn close(self) {
        self.link.cancel();
        if let Dispatcher::Amqp(publisher) = self.dispatcher {
            publisher.wait_closed().await;
        }
    }
}
