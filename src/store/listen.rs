//! LISTEN: notifications of the database.
//!
//! A notification is a hint, as every message is: its receiver reads the database, and also polls it, because a notification may
//! be lost.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::connect::{ListeningConnection, connect_listening};
use super::pool::DatabaseSettings;
use super::refusal::describe;
use crate::domain::backoff::Backoff;

/// Tasks became claimable; the payload is their backend.
pub const READY: &str = "qtask_ready";
/// A backend was resumed; the payload is its name.
pub const RESUMED: &str = "qtask_resumed";
/// A running task shall be cancelled; the payload is its id.
pub const CANCELS: &str = "qtask_cancel";
/// Tasks changed their status, or got log lines or progress; the payload is read by [`changed_tasks`].
pub const CHANGES: &str = "qtask_changed";
/// Tasks with webhooks have ended; there is no payload.
pub const WEBHOOKS: &str = "qtask_webhooks";
/// A token was created or revoked; the payload is its id.
pub const TOKENS: &str = "qtask_tokens";

/// The interval of queries over the connection: the answer shows that the connection is open, the query that this process is not
/// frozen.
const PING: Duration = Duration::from_secs(5);

/// An event of the listening connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notification<'a> {
    /// The connection is open, for the first time or again: earlier notifications may be lost.
    Connected,
    /// A notification.
    Notified {
        /// The channel.
        channel: &'a str,
        /// The payload.
        payload: &'a str,
    },
}

/// Keeps a connection that listens on these channels, and passes its events to `on_event`, until cancelled.
pub fn listen(
    settings: DatabaseSettings,
    channels: &'static [&'static str],
    cancel: CancellationToken,
    mut on_event: impl FnMut(Notification<'_>) + Send + 'static,
) {
    tokio::spawn(cancel.run_until_cancelled_owned(async move {
        let mut failures = 0;
        loop {
            if let Ok(connection) = connect_listening(&settings.address, settings.timeout).await {
                failures = 0;
                let forwarding = forward(connection, channels, settings.timeout, &mut on_event);
                if let Err(reason) = forwarding.await {
                    warn!(
                        event = "database.listener_lost",
                        reason, "listening connection lost"
                    );
                }
            }
            failures += 1;
            tokio::time::sleep(Backoff::RECONNECT.delay(failures)).await;
        }
    }));
}

async fn forward(
    mut connection: ListeningConnection,
    channels: &[&str],
    timeout: Duration,
    on_event: &mut (impl FnMut(Notification<'_>) + Send),
) -> Result<(), String> {
    let session = Uuid::now_v7().to_string();
    let name_session = format!("SET {SESSION} = '{session}'");
    query(&connection.client, &name_session, timeout).await?;
    for channel in channels {
        query(&connection.client, &format!("LISTEN {channel}"), timeout).await?;
    }
    info!(
        event = "database.listener_connected",
        ?channels,
        "listening connection established"
    );
    on_event(Notification::Connected);
    let mut ping_at = Instant::now() + PING;
    loop {
        match tokio::time::timeout_at(ping_at, connection.notifications.recv()).await {
            Ok(Some(Ok(notification))) => on_event(Notification::Notified {
                channel: notification.channel(),
                payload: notification.payload(),
            }),
            Ok(Some(Err(reason))) => return Err(reason),
            Ok(None) => return Err("closed by the server".to_owned()),
            Err(_silent) => {}
        }
        // Also sent if notifications arrive without a pause.
        if Instant::now() >= ping_at {
            check_session(&connection.client, &session, timeout).await?;
            ping_at = Instant::now() + PING;
        }
    }
}

/// A setting of the listening session, which no other session has.
const SESSION: &str = "qtask.listener";

/// Fails unless the session is still that which listens: a pooler in transaction mode would give another one.
async fn check_session(client: &Client, session: &str, timeout: Duration) -> Result<(), String> {
    let sql = format!("SELECT pg_catalog.current_setting('{SESSION}', true)");
    let answer = tokio::time::timeout(timeout, client.simple_query(&sql)).await;
    let rows = answer
        .map_err(|_| format!("no answer within {timeout:?}"))?
        .map_err(|error| describe(&error))?;
    let is_same = rows.iter().any(|row| match row {
        SimpleQueryMessage::Row(row) => row.try_get(0).is_ok_and(|shown| shown == Some(session)),
        _ => false,
    });
    if is_same {
        Ok(())
    } else {
        Err(
            "a pooler has changed the session: set pool_mode = session there, or connect directly"
                .to_owned(),
        )
    }
}

/// Runs a query, with a time limit.
async fn query(client: &Client, sql: &str, timeout: Duration) -> Result<(), String> {
    match tokio::time::timeout(timeout, client.batch_execute(sql)).await {
        Ok(answer) => answer.map_err(|error| describe(&error)),
        Err(_) => Err(format!("no answer within {timeout:?}")),
    }
}

/// Returns the ids in the payload of a notification of [`CHANGES`]: 32 hexadecimal digits each, without separators.
pub fn changed_tasks(payload: &str) -> impl Iterator<Item = Uuid> {
    let chunks = payload.as_bytes().chunks(32);
    chunks.filter_map(|digits| Uuid::try_parse_ascii(digits).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_a_sequence_of_ids() {
        let ids = [Uuid::now_v7(), Uuid::now_v7()];
        let payload: String = ids.iter().map(|id| id.simple().to_string()).collect();
        assert_eq!(changed_tasks(&payload).collect::<Vec<_>>(), ids);
        assert_eq!(changed_tasks("nonsense").count(), 0);
    }
}
