//! Direct queries and changes of the tables, bypassing the running service.

use serde_json::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::TestDatabase;
use super::wait::{DEADLINE, eventually};

/// One row of a task's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The status after the transition.
    pub status: String,
    /// The number of its attempt, 0 before the first.
    pub attempt: i32,
    /// The worker that caused it, if any.
    pub worker_id: Option<String>,
    /// The reason.
    pub notes: Option<String>,
}

impl TestDatabase {
    /// Runs a statement and returns the number of rows that it changed.
    pub async fn execute(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> u64 {
        let changed = self.connect().await.execute(statement, parameters).await;
        changed.unwrap_or_else(|error| panic!("{statement}: {error:?}"))
    }

    /// The result of a `SELECT count(*) ...`.
    pub async fn count(&self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> i64 {
        let row = self.connect().await.query_one(query, parameters).await;
        row.unwrap_or_else(|error| panic!("{query}: {error:?}"))
            .get(0)
    }

    /// Waits until this many statements wait for a row lock.
    pub async fn wait_for_a_row(&self, statements: i64) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND wait_event_type = 'Lock' AND wait_event IN ('transactionid', 'tuple')";
        let all = || async { (self.count(waiting, &[]).await >= statements).then_some(()) };
        eventually(DEADLINE, "statements that wait for a row", all).await;
    }

    /// Waits until a statement whose text matches waits for a table lock, and returns the process id of its backend.
    /// Sweeps may wait for the same table.
    pub async fn wait_for_a_table(&self, text: &str) -> i32 {
        let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                       AND wait_event_type = 'Lock' AND wait_event = 'relation' AND query LIKE $1";
        let client = self.connect().await;
        let one = || async {
            let row = client.query_opt(waiting, &[&text]).await;
            row.expect("pg_stat_activity").map(|row| row.get(0))
        };
        eventually(DEADLINE, "a statement that waits for a table", one).await
    }

    /// The number of tasks with this status.
    pub async fn tasks_in(&self, status: &str) -> i64 {
        self.count(
            "SELECT count(*) FROM tasks WHERE current_status::text = $1",
            &[&status],
        )
        .await
    }

    /// A row of `tasks`, by column name; `Null` if there is none.
    pub async fn task(&self, task_id: Uuid) -> Value {
        let query = "SELECT to_jsonb(t) FROM tasks t WHERE task_id = $1";
        let row = self
            .connect()
            .await
            .query_opt(query, &[&task_id])
            .await
            .expect("tasks");
        row.map_or(Value::Null, |row| row.get(0))
    }

    /// The history of a task, oldest first.
    pub async fn history(&self, task_id: Uuid) -> Vec<Transition> {
        let query = "SELECT status::text, attempt::int, worker_id::text, notes::text FROM status_history \
                     WHERE task_id = $1 ORDER BY id";
        let rows = self
            .connect()
            .await
            .query(query, &[&task_id])
            .await
            .expect("status_history");
        rows.iter()
            .map(|row| Transition {
                status: row.get(0),
                attempt: row.get(1),
                worker_id: row.get(2),
                notes: row.get(3),
            })
            .collect()
    }

    /// The statuses of a task's history, oldest first.
    pub async fn statuses(&self, task_id: Uuid) -> Vec<String> {
        self.history(task_id)
            .await
            .into_iter()
            .map(|transition| transition.status)
            .collect()
    }
}
