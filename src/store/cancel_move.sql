-- Common table expressions `moved`, `history` and `notified`: cancel waiting tasks, or request the cancellation of running ones.
-- {{from}} and {{which}} say which tasks `t`.
--
-- One UPDATE covers both cases: if a claim or a settlement commits first, PostgreSQL evaluates the expressions again for the
-- new version of the row.
moved AS (
    UPDATE tasks t
    SET cancel_requested_at = coalesce(t.cancel_requested_at, clock_timestamp()),
        current_status = CASE WHEN t.current_status = 'processing' THEN 'processing' ELSE 'cancelled' END::task_status,
        completed_at = CASE WHEN t.current_status <> 'processing' THEN clock_timestamp() END,
        available_at = NULL
    {{from}} WHERE {{which}} AND t.completed_at IS NULL
    RETURNING t.task_id, t.backend, t.attempt, t.current_status, t.completed_at, t.cancel_requested_at,
              extract(epoch FROM t.completed_at - t.submitted_at)::double precision AS age_seconds
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, notes)
    SELECT task_id, 'cancelled', completed_at, attempt, 'Cancelled on request' FROM moved WHERE completed_at IS NOT NULL
), notified AS (
    SELECT count(pg_notify('qtask_cancel', task_id::text)) AS workers FROM moved WHERE completed_at IS NULL
)
