-- Cancels those of the tasks $1 that have one of the statuses $2 and, unless $3 is NULL, whose last worker is $3: what else a
-- filter compares never changes.
--
-- The rows are locked first, in the order in which claims lock them; the conditions are evaluated again for a row that changed
-- meanwhile.
WITH locked AS MATERIALIZED (
    SELECT t.task_id FROM tasks t
    WHERE t.task_id = ANY ($1) AND t.completed_at IS NULL AND t.current_status::text = ANY ($2)
      AND ($3 IS NULL OR t.last_worker_id = $3)
    ORDER BY t.task_id FOR UPDATE
), {{cancel}}
SELECT moved.backend, count(moved.completed_at) AS cancelled, count(*) - count(moved.completed_at) AS requested,
       coalesce(array_agg(moved.age_seconds) FILTER (WHERE moved.age_seconds IS NOT NULL), '{}') AS ages,
       notified.workers
FROM moved CROSS JOIN notified GROUP BY moved.backend, notified.workers
