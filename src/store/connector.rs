//! Opens the connections of a pool, lends them, and closes those that are idle.

use std::time::Duration;

use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, WeakPool,
};
use diesel_async::pooled_connection::PoolableConnection;
use tokio::runtime::Handle;

use super::StoreError;
use super::address::DatabaseAddress;
use super::connect::{StatementConnection, connect};
use super::connect_gate::ConnectGate;
use super::connect_problem::ConnectProblem;
use super::refusal::ConnectFailure;

/// Takes a connection of the pool. If the server has too many, one that the pool has already may become free.
pub(super) async fn get(pool: &Pool<Connector>) -> Result<Object<Connector>, StoreError> {
    loop {
        let failure = match pool.get().await {
            Ok(connection) => return Ok(connection),
            Err(PoolError::Backend(failure)) => failure,
            Err(error) => return Err(StoreError::Unavailable(error.to_string())),
        };
        if failure.problem != Some(ConnectProblem::TooManyConnections) {
            return Err(StoreError::Unavailable(failure.to_string()));
        }
        if pool.status().size == 0 {
            return Err(StoreError::TooManyConnections(failure.to_string()));
        }
        tokio::time::sleep(FREE_AGAIN).await;
    }
}

/// The pause before another look for a free connection.
const FREE_AGAIN: Duration = Duration::from_millis(20);

/// Closes the connections that were not used for this time, as long as the pool is used.
pub(super) async fn close_idle(pool: WeakPool<Connector>, timeout: Duration) {
    loop {
        tokio::time::sleep(timeout / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.retain(|_, metrics| metrics.last_used() < timeout);
    }
}

/// Opens the connections of a pool.
pub(super) struct Connector {
    /// The name of the pool.
    pub(super) name: &'static str,
    pub(super) address: DatabaseAddress,
    pub(super) timeout: Duration,
    pub(super) runtime: Handle,
    pub(super) gate: ConnectGate,
}

impl Manager for Connector {
    type Type = StatementConnection;
    type Error = ConnectFailure;

    async fn create(&self) -> Result<StatementConnection, ConnectFailure> {
        self.gate.admit()?;
        // An actix worker has a runtime of its own; a connection must not depend on that thread having time for it.
        let (address, timeout) = (self.address.clone(), self.timeout);
        let connecting = self
            .runtime
            .spawn(async move { connect(&address, timeout).await });
        let connected = connecting
            .await
            .map_err(|error| ConnectFailure::new(error.to_string()))?;
        self.gate.note(&connected);
        connected
    }

    /// Refuses a closed connection. It sends nothing: a query would double every round trip.
    async fn recycle(
        &self,
        connection: &mut StatementConnection,
        _: &Metrics,
    ) -> RecycleResult<ConnectFailure> {
        if connection.diesel.is_broken() {
            return Err(RecycleError::message("the connection is closed"));
        }
        Ok(())
    }
}
