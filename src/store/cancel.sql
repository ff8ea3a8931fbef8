-- Cancels a waiting task, or requests the cancellation of a running one. Bind: the task.
--
-- One UPDATE covers both cases: if a claim or a settlement commits first, PostgreSQL evaluates the expressions again for the
-- new version of the row.
WITH moved AS (
    UPDATE tasks t
    SET cancel_requested_at = coalesce(t.cancel_requested_at, clock_timestamp()),
        current_status = CASE WHEN t.current_status = 'processing' THEN 'processing' ELSE 'cancelled' END::task_status,
        completed_at = CASE WHEN t.current_status <> 'processing' THEN clock_timestamp() END,
        available_at = NULL
    WHERE t.task_id = $1 AND t.completed_at IS NULL
    RETURNING t.task_id, t.attempt, t.current_status, t.completed_at, t.cancel_requested_at
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, notes)
    SELECT task_id, 'cancelled', completed_at, attempt, 'Cancelled on request' FROM moved WHERE completed_at IS NOT NULL
), notified AS (
    SELECT count(pg_notify('qtask_cancel', task_id::text)) AS workers FROM moved WHERE completed_at IS NULL
)
SELECT coalesce(moved.current_status, t.current_status)::text AS status, moved.task_id IS NOT NULL AS moved,
       coalesce(moved.cancel_requested_at, t.cancel_requested_at, t.completed_at) AS requested_at, notified.workers,
       t.backend
FROM tasks t LEFT JOIN moved USING (task_id) CROSS JOIN notified WHERE t.task_id = $1
