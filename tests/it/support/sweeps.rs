//! Waits for sweeps, and checks tasks that run through several of them.

use serde_json::Value;
use uuid::Uuid;

use crate::support::TestDatabase;
use crate::support::wait::{DEADLINE, eventually};

/// Maximum timeout of a task, in seconds.
pub const THREE_HOURS: u32 = 10_800;

/// Shifts the start of a running task and of the sweeps 40 minutes into the past. That exceeds a broker's ack
/// timeout, and the default time limit of a problem.
const FORTY_MINUTES: &str = "
WITH swept AS (
    UPDATE sweeps SET unbroken_since = unbroken_since - interval '40 minutes',
                      steady_since = steady_since - interval '40 minutes' WHERE duty = 'reap' RETURNING duty
)
UPDATE tasks SET started_at = started_at - interval '40 minutes'
WHERE task_id = $1 AND current_status = 'processing' AND EXISTS (SELECT FROM swept)";

/// Makes a running task appear 40 minutes older, and returns its new start time.
pub async fn forty_minutes_pass(database: &TestDatabase, task_id: Uuid) -> Value {
    sweeps(database, 1).await;
    assert_eq!(database.execute(FORTY_MINUTES, &[&task_id]).await, 1);
    database.task(task_id).await["started_at"].clone()
}

/// Waits for this many sweeps; after each of them the task must still be running its first attempt.
pub async fn runs_on_through_sweeps(database: &TestDatabase, task_id: Uuid, wanted: usize) {
    let owner = database.task(task_id).await["session_id"].clone();
    assert!(owner.is_string(), "{owner}");
    for passed in 0..wanted {
        sweeps(database, 1).await;
        let row = database.task(task_id).await;
        assert_eq!(
            (&row["current_status"], &row["session_id"], &row["attempt"]),
            (&"processing".into(), &owner, &1.into()),
            "after {passed} sweeps: {row}"
        );
    }
}

/// Waits until this many more sweeps have begun.
pub async fn sweeps(database: &TestDatabase, wanted: usize) -> usize {
    let mut last = String::new();
    for _ in 0..=wanted {
        let changed = || async {
            let row = database
                .connect()
                .await
                .query_one(
                    "SELECT last_run_at::text FROM sweeps WHERE duty = 'reap'",
                    &[],
                )
                .await;
            let now: String = row.expect("the row of sweeps").get(0);
            (now != last).then_some(now)
        };
        last = eventually(DEADLINE, "the next sweep", changed).await;
    }
    wanted
}
