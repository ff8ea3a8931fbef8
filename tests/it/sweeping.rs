//! The sweep takes what is lost, and nothing else.

use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind};

/// Holds the statement that releases the first of two tasks, once it has begun, until the lock is
/// given up.
const HOLD: &str = "
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_lock(77);
    PERFORM pg_advisory_unlock(77);
    RETURN NEW;
END $$;
CREATE TRIGGER hold BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.metadata ? 'first' AND OLD.session_id IS NOT NULL AND NEW.session_id IS NULL)
    EXECUTE FUNCTION hold();
SELECT pg_advisory_lock(77)";

const GIVE_TO_A_SESSION: &str = "
UPDATE tasks
SET current_status = 'processing', attempt = attempt + 1, available_at = NULL,
    started_at = clock_timestamp(), worker_id = $2, session_id = $3
WHERE task_id = $1";

async fn give(client: &Client, task_id: Uuid, worker: &str, session: Uuid) {
    let given = client
        .execute(GIVE_TO_A_SESSION, &[&task_id, &worker, &session])
        .await;
    assert_eq!(given.expect("the task is free to be given"), 1);
}

async fn is_somebody_held(client: &Client) -> Option<()> {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
                   WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()";
    let row = client.query_one(waiting, &[]).await.expect("the locks");
    (row.get::<_, i64>(0) > 0).then_some(())
}

#[tokio::test]
async fn a_task_claimed_anew_while_a_sweep_is_under_way_stays_with_its_owner() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let (client, lock) = (app.database.connect().await, app.database.connect().await);
    let circuit = "// mock: hang";
    let first = app
        .submit(&json!({"backend": "mock", "circuit": circuit, "metadata": {"first": 1}}))
        .await;
    let second = app
        .submit(&json!({"backend": "mock", "circuit": circuit}))
        .await;
    lock.batch_execute(HOLD)
        .await
        .expect("a statement that can be held");

    // Both belong to a session that is not alive, and a sweep has begun to release the first.
    let dead = Uuid::now_v7();
    client.batch_execute("BEGIN").await.expect("a transaction");
    give(&client, first, "dead", dead).await;
    give(&client, second, "dead", dead).await;
    client.batch_execute("COMMIT").await.expect("a commit");
    eventually(DEADLINE, "the sweep is held", || is_somebody_held(&client)).await;

    // Meanwhile the second is claimed by a living one.
    let alive = Uuid::now_v7();
    let register = "INSERT INTO workers (worker_id, session_id, backends, lease_ms)
                    VALUES ('alive', $1, '{mock}', 3600000)";
    client.execute(register, &[&alive]).await.expect("a worker");
    give(&client, second, "alive", alive).await;
    lock.batch_execute("SELECT pg_advisory_unlock(77)")
        .await
        .expect("the lock is given up");

    app.wait_status(first, "retrying").await;
    let task = app.task(second).await;
    assert_eq!(
        (&task["status"], &task["attempt"]),
        (&json!("processing"), &json!(2))
    );
    assert_eq!(task["worker_id"], "alive");
    assert_eq!(app.database.statuses(second).await, ["pending"]);
    app.abandon_work();
}
