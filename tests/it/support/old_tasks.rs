//! Tasks that ended long ago, and a clock that has run steadily for hours.

use super::TestDatabase;
use super::sweeps::sweeps;

/// Stores ended tasks, each with history, log, output, tag and a webhook that was delivered. Binds: number, days since the end,
/// backend. Statuses and priorities alternate.
const INSERT: &str = "
WITH made AS (
    INSERT INTO tasks (task_id, backend, circuit, shots, timeout_seconds, max_attempts, attempt, priority, current_status,
                       submitted_at, completed_at, result, error_code, tags, callback_url, correlation_id)
    SELECT (lpad(to_hex(floor(extract(epoch FROM ended) * 1000)::bigint + n), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
            || '8' || substr(md5(random()::text), 1, 15))::uuid,
           $3, 'x', 1, 300, 3, 1, n % 11, status::task_status, ended, ended,
           CASE WHEN status = 'completed' THEN '{}'::jsonb END, CASE WHEN status = 'failed' THEN 'execution_error' END,
           '[\"old\"]', 'http://example.org/', 'old'
    FROM (SELECT n, clock_timestamp() - $2::float8 * interval '1 day' AS ended,
                 ('{completed,failed,cancelled}'::text[])[n % 3 + 1] AS status
          FROM generate_series(1, $1::int) AS n) AS numbered
    RETURNING task_id, current_status, submitted_at, priority
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt)
    SELECT task_id, status, submitted_at, 1 FROM made
    CROSS JOIN LATERAL unnest(ARRAY['pending', 'processing', current_status]::task_status[]) AS status
), logs AS (
    INSERT INTO task_logs (task_id, attempt, level, message) SELECT task_id, 1, 'info', 'm' FROM made
), tags AS (
    INSERT INTO task_tags (tag, priority, task_id) SELECT 'old', priority, task_id FROM made
), sent AS (
    INSERT INTO webhooks (task_id, url, due_at, delivered_at) SELECT task_id, 'http://example.org/', NULL, clock_timestamp() FROM made
)
SELECT count(*) FROM made";

const OUTPUTS: &str = "
INSERT INTO attempt_outputs (task_id, attempt, output) SELECT task_id, 1, '{}' FROM tasks WHERE completed_at IS NOT NULL
ON CONFLICT DO NOTHING";

/// Moves the ids and times of all tasks into the past. Without triggers and foreign keys: an ended task does not change.
const AGE: &str = "
SET session_replication_role = replica;
CREATE FUNCTION pg_temp.aged(id uuid) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint - DAYS * 86400000::bigint), 12, '0')
            || substr(replace(id::text, '-', ''), 13))::uuid
$$;
UPDATE tasks SET task_id = pg_temp.aged(task_id), submitted_at = submitted_at - DAYS * interval '1 day',
                 completed_at = completed_at - DAYS * interval '1 day';
UPDATE status_history SET task_id = pg_temp.aged(task_id);
UPDATE task_logs SET task_id = pg_temp.aged(task_id);
UPDATE attempt_outputs SET task_id = pg_temp.aged(task_id);
UPDATE task_tags SET task_id = pg_temp.aged(task_id);
UPDATE webhooks SET task_id = pg_temp.aged(task_id);
UPDATE idempotency_keys SET task_ids = ARRAY(SELECT pg_temp.aged(id) FROM unnest(task_ids) AS id)";

/// Rows that belong to no task, over all tables.
const STRAY: &str = "
SELECT count(*) FROM (
    SELECT task_id FROM status_history UNION ALL SELECT task_id FROM task_logs UNION ALL SELECT task_id FROM task_tags
    UNION ALL SELECT task_id FROM webhooks UNION ALL SELECT task_id FROM attempt_outputs
    UNION ALL SELECT unnest(task_ids) FROM idempotency_keys
) AS rows WHERE NOT EXISTS (SELECT FROM tasks t WHERE t.task_id = rows.task_id)";

impl TestDatabase {
    /// Stores tasks that ended this many days ago.
    pub async fn insert_old_tasks(&self, count: i32, days: f64, backend: &str) {
        let made = self.count(INSERT, &[&count, &days, &backend]).await;
        assert_eq!(made, i64::from(count));
        self.execute(OUTPUTS, &[]).await;
    }

    /// Makes all tasks this many days older.
    pub async fn age_tasks(&self, days: u32) {
        let age = AGE.replace("DAYS", &days.to_string());
        let aged = self.connect().await.batch_execute(&age).await;
        aged.expect("older tasks");
    }

    /// The number of tasks, and that of rows which belong to no task.
    pub async fn tasks_and_stray_rows(&self) -> (i64, i64) {
        let tasks = self.count("SELECT count(*) FROM tasks", &[]).await;
        (tasks, self.count(STRAY, &[]).await)
    }

    /// Lets the clock have run steadily for hours, once a running service has noted when it began to watch it.
    pub async fn clock_was_steady(&self) {
        sweeps(self, 2).await;
        let steady = "UPDATE sweeps SET steady_since = steady_since - interval '2 hours' WHERE duty = 'reap'";
        assert_eq!(self.execute(steady, &[]).await, 1);
    }
}
