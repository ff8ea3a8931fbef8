//! Leftover work, which fails a test: running tasks, tasks without a message, messages without a task.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Client;

use super::{App, TestQueue, database};

/// Time limit for sending or acknowledging messages after the last task of a test has ended.
const SETTLING: Duration = Duration::from_secs(10);

/// Polling interval.
const INTERVAL: Duration = Duration::from_millis(20);

const RUNNING: &str =
    "SELECT string_agg(format('task %s runs on %s', task_id, worker_id), ', ') FROM tasks
    WHERE current_status = 'processing'";

const WAITING: &str = "SELECT count(*), count(*) FILTER (WHERE available_at <= clock_timestamp() AND dispatched_at IS NULL)
    FROM tasks WHERE available_at IS NOT NULL";

impl App {
    /// Describes the leftover work. `None` if there is none, or if it cannot be queried: a private server that the
    /// test has stopped, a database with another schema.
    pub(super) async fn leftovers(&self) -> Option<String> {
        let client = database::try_connect(&self.database.url()).await.ok()?;
        let row = client.query_one(RUNNING, &[]).await.ok()?;
        let running: Option<String> = row.get(0);
        match &self.queue {
            Some(queue) if running.is_none() => misplaced_messages(&client, queue).await,
            _ => running,
        }
    }
}

/// Waits until every due task has a message and, if no task waits, no message is left; describes the mismatch at the
/// time limit.
async fn misplaced_messages(client: &Client, queue: &TestQueue) -> Option<String> {
    let deadline = Instant::now() + SETTLING;
    loop {
        let row = client.query_one(WAITING, &[]).await.ok()?;
        let (waiting, unsent): (i64, i64) = (row.get(0), row.get(1));
        let unread = match waiting {
            0 => queue.try_total_depth().await?,
            _ => 0,
        };
        if unsent == 0 && unread == 0 {
            return None;
        }
        if Instant::now() > deadline {
            return Some(format!(
                "{unsent} tasks without a message, {unread} messages without a task"
            ));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
