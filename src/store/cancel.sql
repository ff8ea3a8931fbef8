-- Cancels a waiting task, or requests the cancellation of a running one. Bind: the task.
WITH {{cancel}}
SELECT coalesce(moved.current_status, t.current_status)::text AS status, moved.task_id IS NOT NULL AS moved,
       coalesce(moved.cancel_requested_at, t.cancel_requested_at, t.completed_at) AS requested_at, notified.workers,
       t.backend, moved.age_seconds
FROM tasks t LEFT JOIN moved USING (task_id) CROSS JOIN notified WHERE t.task_id = $1
