//! A simulated HTTP worker, for the task endpoints: the test inserts its session and claims directly into the
//! tables.

use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::App;
use super::TestDatabase;

/// A session whose lease outlives the test.
#[derive(Debug, Clone)]
pub struct WorkerRows {
    /// The worker's name.
    pub worker_id: String,
    /// Its session.
    pub session_id: Uuid,
}

const REGISTER: &str = "INSERT INTO workers (worker_id, session_id, backends, lease_ms)
    VALUES ($1, $2, '{mock,simulator,aiopslab}', 3600000)";

const CLAIM: &str = "WITH moved AS (
        UPDATE tasks SET current_status = 'processing', attempt = attempt + 1, worker_id = $2, session_id = $3,
               last_worker_id = $2, started_at = clock_timestamp(), available_at = NULL
        WHERE task_id = $1 AND available_at IS NOT NULL RETURNING task_id, attempt, started_at
    )
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, session_id, notes)
    SELECT task_id, 'processing', started_at, attempt, $2, $3, 'Worker started processing' FROM moved";

impl WorkerRows {
    /// Inserts a session.
    pub async fn register(database: &TestDatabase, worker_id: &str) -> Self {
        let session_id = Uuid::now_v7();
        let registered = database.execute(REGISTER, &[&worker_id, &session_id]).await;
        assert_eq!(registered, 1);
        Self {
            worker_id: worker_id.to_owned(),
            session_id,
        }
    }

    /// Claims a waiting task.
    pub async fn claim(&self, database: &TestDatabase, task_id: Uuid) {
        self.claim_on(&database.connect().await, task_id).await;
    }

    /// The same on a connection of the test, which may have an open transaction.
    pub async fn claim_on(&self, client: &Client, task_id: Uuid) {
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&task_id, &self.worker_id, &self.session_id];
        let claimed = client.execute(CLAIM, &parameters).await.expect("a claim");
        assert_eq!(claimed, 1, "{task_id}");
    }

    /// Submits a task and claims it.
    pub async fn submit_and_claim(&self, app: &App, task: &Value) -> Uuid {
        let task_id = app.submit(task).await;
        self.claim(&app.database, task_id).await;
        task_id
    }

    /// A request body with the owner of this attempt and these fields.
    pub fn body(&self, attempt: i32, fields: &Value) -> Value {
        let mut body =
            json!({"worker_id": self.worker_id, "session_id": self.session_id, "attempt": attempt});
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }
}
