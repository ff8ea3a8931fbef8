//! How connections are opened and set up.

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::{Client, Notification};
use tokio_util::task::AbortOnDropHandle;

use super::address::DatabaseAddress;
use super::refusal::{ConnectFailure, describe};
use super::server_error::LastError;
use super::session::{Notifications, ServerSession, open_session};

/// How long a migration may be idle between two statements of a transaction. No other transaction has several statements.
const IDLE_IN_TRANSACTION: Duration = Duration::from_mins(1);

/// A connection for statements. Dropped, it closes at once, also in the middle of a statement.
pub(super) struct StatementConnection {
    pub(super) diesel: AsyncPgConnection,
    /// The last error that the server reported on it.
    pub(super) last_error: LastError,
    _driver: AbortOnDropHandle<()>,
}

/// A connection that can listen for notifications.
pub(super) struct ListeningConnection {
    pub(super) client: Client,
    /// Ends with the connection, or with its error.
    pub(super) notifications: UnboundedReceiver<Result<Notification, String>>,
    _driver: AbortOnDropHandle<()>,
}

/// Opens a connection for statements.
pub(super) async fn connect(
    address: &DatabaseAddress,
    timeout: Duration,
) -> Result<StatementConnection, ConnectFailure> {
    within(timeout, async {
        let session = open(address, timeout, None).await?;
        let diesel = AsyncPgConnection::try_from(session.client)
            .await
            .map_err(|error| ConnectFailure::new(error.to_string()))?;
        Ok(StatementConnection {
            diesel,
            last_error: session.last_error,
            _driver: session.driver,
        })
    })
    .await
}

/// Opens a connection for notifications.
pub(super) async fn connect_listening(
    address: &DatabaseAddress,
    timeout: Duration,
) -> Result<ListeningConnection, ConnectFailure> {
    let (sender, notifications) = unbounded_channel();
    let session = within(timeout, open(address, timeout, Some(&sender))).await?;
    Ok(ListeningConnection {
        client: session.client,
        notifications,
        _driver: session.driver,
    })
}

async fn within<T>(
    timeout: Duration,
    connecting: impl Future<Output = Result<T, ConnectFailure>>,
) -> Result<T, ConnectFailure> {
    tokio::time::timeout(timeout, connecting)
        .await
        .map_err(|_| ConnectFailure::new(format!("no connection within {timeout:?}")))?
}

/// Small arrays are joined to large tables: without statistics the planner would choose a sequential scan. Lists read an index in
/// its order and stop: a bitmap scan would read the whole range and sort it, which the planner takes for cheap where it has no
/// statistics. The costs that these settings produce must not trigger JIT compilation: a sweep over two small tables spent 0.2 s
/// of CPU on it.
async fn open(
    address: &DatabaseAddress,
    timeout: Duration,
    notifications: Option<&Notifications>,
) -> Result<ServerSession, ConnectFailure> {
    let session = open_session(address, timeout, notifications).await?;
    let settings = format!(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET statement_timeout = {};
         SET idle_in_transaction_session_timeout = {}",
        timeout.as_millis(),
        IDLE_IN_TRANSACTION.as_millis()
    );
    session
        .client
        .batch_execute(&settings)
        .await
        .map_err(|error| ConnectFailure::new(describe(&error)))?;
    Ok(session)
}
