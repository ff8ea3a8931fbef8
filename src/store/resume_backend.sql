-- Ends the pause of the backend $1, and announces its tasks.
--
-- A message expires after an hour, and the sweep sends none during a pause: tasks at the head of the queue whose message is old
-- are marked for the next sweep. It compares the others with the depth of their queue.
WITH resumed AS (
    DELETE FROM paused_backends WHERE backend = $1 RETURNING backend
), head AS (
    SELECT t.task_id, t.dispatched_at FROM resumed JOIN tasks t USING (backend)
    WHERE t.available_at IS NOT NULL ORDER BY t.queue_rank, t.task_id LIMIT 1000
), expired AS (
    SELECT t.task_id FROM tasks t JOIN head USING (task_id)
    WHERE NOT head.dispatched_at BETWEEN now() - interval '30 minutes' AND now() + interval '30 minutes'
    ORDER BY t.task_id FOR UPDATE OF t SKIP LOCKED
), marked AS (
    UPDATE tasks t SET dispatched_at = NULL FROM expired WHERE t.task_id = expired.task_id AND t.available_at IS NOT NULL
), notified AS (
    SELECT count(pg_notify('qtask_ready', backend)) + count(pg_notify('qtask_resumed', backend)) AS sent FROM resumed
)
SELECT EXISTS (SELECT FROM resumed) AS was_paused, sent FROM notified
