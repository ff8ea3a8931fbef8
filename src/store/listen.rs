//! LISTEN: wakes the workers of this process as soon as tasks become claimable.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::{StreamExt, pin_mut};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::pool::{DatabaseSettings, connect};
use crate::domain::backoff::Backoff;

/// How long the link may be silent before it is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(10);

/// Wakes whoever waits for tasks to become claimable. A hint, as every message is: the waiter polls
/// as well.
pub type ReadySignal = Arc<Notify>;

/// Keeps a connection that listens for tasks of these backends, until cancelled.
///
/// The waiter is woken at each reconnect, too: what was notified in between went unheard.
pub fn listen_for_ready_tasks(
    settings: DatabaseSettings,
    backends: Vec<String>,
    cancel: CancellationToken,
) -> ReadySignal {
    let ready = ReadySignal::default();
    let signal = ready.clone();
    tokio::spawn(cancel.run_until_cancelled_owned(async move {
        let mut failures = 0;
        loop {
            if let Ok(connection) = connect(&settings.url, settings.timeout).await {
                failures = 0;
                if let Err(reason) = forward(connection, &backends, &signal, settings.timeout).await
                {
                    warn!(reason, "listening connection lost");
                }
            }
            failures += 1;
            tokio::time::sleep(Backoff::RECONNECT.delay(failures)).await;
        }
    }));
    ready
}

async fn forward(
    mut connection: AsyncPgConnection,
    backends: &[String],
    signal: &Notify,
    timeout: Duration,
) -> Result<(), String> {
    ask(&mut connection, "LISTEN qtask_ready", timeout).await?;
    info!("listening for ready tasks");
    signal.notify_one();
    loop {
        let heard = {
            let notifications = connection.notifications_stream();
            pin_mut!(notifications);
            tokio::time::timeout(SILENCE, notifications.next()).await
        };
        match heard {
            Ok(Some(Ok(notification))) => {
                if backends.contains(&notification.payload) {
                    signal.notify_one();
                }
            }
            Ok(Some(Err(error))) => return Err(error.to_string()),
            Ok(None) => return Err("closed by the server".to_owned()),
            Err(_silent) => ask(&mut connection, "SELECT 1", timeout).await?,
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
