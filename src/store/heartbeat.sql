-- Renews the lease of a session and compares the tasks that its worker runs with those that it owns. Binds: worker, session,
-- the tasks that the worker runs, completed and failed tasks so far, why the worker is not ready.
WITH renewed AS (
    UPDATE workers
    SET last_heartbeat_at = clock_timestamp(), tasks_completed = greatest(tasks_completed, $4),
        tasks_failed = greatest(tasks_failed, $5), not_ready_reason = $6
    WHERE worker_id = $1 AND session_id = $2 AND ended_at IS NULL
    RETURNING draining_since, quarantine_ends_at
), held AS MATERIALIZED (
    SELECT task_id FROM unnest($3) AS h(task_id)
), owned AS MATERIALIZED (
    SELECT task_id, attempt, cancel_requested_at FROM tasks WHERE session_id = $2
), unnamed AS (
    SELECT array_agg(task_id) AS task_ids, array_agg(attempt) AS attempts FROM owned
    WHERE NOT EXISTS (SELECT FROM held WHERE held.task_id = owned.task_id)
)
SELECT EXISTS (SELECT FROM renewed) AS renewed,
       EXISTS (SELECT FROM renewed WHERE draining_since IS NOT NULL) AS draining,
       (SELECT (extract(epoch FROM quarantine_ends_at - now()) * 1000)::bigint FROM renewed) AS quarantine_ms,
       (SELECT session_id FROM workers WHERE worker_id = $1) AS current_session,
       ARRAY(SELECT task_id FROM held
             WHERE NOT EXISTS (SELECT FROM owned WHERE owned.task_id = held.task_id)) AS lost,
       ARRAY(SELECT task_id FROM owned WHERE cancel_requested_at IS NOT NULL) AS cancelled,
       coalesce(unnamed.task_ids, '{}') AS unnamed, coalesce(unnamed.attempts, '{}') AS unnamed_attempts
FROM unnamed
