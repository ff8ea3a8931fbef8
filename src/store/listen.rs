//! LISTEN: what the database tells this process at once.
//!
//! A hint, as every message is: whoever waits looks for himself, and polls behind it.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::{StreamExt, pin_mut};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::pool::{DatabaseSettings, connect};
use crate::domain::backoff::Backoff;

/// Tasks have become claimable; the payload is their backend.
pub const READY: &str = "qtask_ready";
/// A running task is to be stopped; the payload is its id.
pub const CANCELS: &str = "qtask_cancel";
/// Tasks have moved, or said something; see [`changed_tasks`].
pub const CHANGES: &str = "qtask_changed";

/// Calls are owed because tasks have ended; there is no payload.
pub const WEBHOOKS: &str = "qtask_webhooks";

/// How often the server is asked something, whatever it notifies: the answer shows that the link is there, and
/// the question that this process does not stand still.
const PING: Duration = Duration::from_secs(5);

/// What came over the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notification<'a> {
    /// The link is up, for the first time or again: what was notified before went unheard.
    Connected,
    /// A notification.
    Notified {
        /// Its channel.
        channel: &'a str,
        /// What it says.
        payload: &'a str,
    },
}

/// Keeps a connection that listens on these channels, until cancelled.
pub fn listen(
    settings: DatabaseSettings,
    channels: &'static [&'static str],
    cancel: CancellationToken,
    mut hear: impl FnMut(Notification<'_>) + Send + 'static,
) {
    tokio::spawn(cancel.run_until_cancelled_owned(async move {
        let mut failures = 0;
        loop {
            if let Ok(connection) = connect(&settings.url, settings.timeout).await {
                failures = 0;
                let forwarding = forward(connection, channels, settings.timeout, &mut hear);
                if let Err(reason) = forwarding.await {
                    warn!(reason, "listening connection lost");
                }
            }
            failures += 1;
            tokio::time::sleep(Backoff::RECONNECT.delay(failures)).await;
        }
    }));
}

async fn forward(
    mut connection: AsyncPgConnection,
    channels: &[&str],
    timeout: Duration,
    hear: &mut (impl FnMut(Notification<'_>) + Send),
) -> Result<(), String> {
    for channel in channels {
        ask(&mut connection, &format!("LISTEN {channel}"), timeout).await?;
    }
    info!(?channels, "listening to the database");
    hear(Notification::Connected);
    let mut ping_at = Instant::now() + PING;
    loop {
        let heard = {
            let notifications = connection.notifications_stream();
            pin_mut!(notifications);
            tokio::time::timeout_at(ping_at, notifications.next()).await
        };
        match heard {
            Ok(Some(Ok(notification))) => hear(Notification::Notified {
                channel: &notification.channel,
                payload: &notification.payload,
            }),
            Ok(Some(Err(error))) => return Err(error.to_string()),
            Ok(None) => return Err("closed by the server".to_owned()),
            Err(_silent) => {}
        }
        // Asked even where notifications leave no pause.
        if Instant::now() >= ping_at {
            ask(&mut connection, "SELECT 1", timeout).await?;
            ping_at = Instant::now() + PING;
        }
    }
}

async fn ask(
    connection: &mut AsyncPgConnection,
    sql: &str,
    timeout: Duration,
) -> Result<(), String> {
    match tokio::time::timeout(timeout, connection.batch_execute(sql)).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {timeout:?}")),
    }
}

/// The tasks that a notification of [`CHANGES`] names: ids of 32 hexadecimal digits, one after the
/// other.
pub fn changed_tasks(payload: &str) -> impl Iterator<Item = Uuid> {
    let chunks = payload.as_bytes().chunks(32);
    chunks.filter_map(|digits| Uuid::try_parse_ascii(digits).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_tasks_one_after_the_other() {
        let ids = [Uuid::now_v7(), Uuid::now_v7()];
        let payload: String = ids.iter().map(|id| id.simple().to_string()).collect();
        assert_eq!(changed_tasks(&payload).collect::<Vec<_>>(), ids);
        assert_eq!(changed_tasks("nonsense").count(), 0);
    }
}
