-- Claims tasks by id. Binds: ids, session, the window in which a worker leaves a task that it failed to others, in milliseconds.
--
-- The outer join to tasks reads the snapshot from before the move: the status that the claim found. If a task is left to others,
-- its message is acked and lost: dispatched_at is cleared, and the next sweep sends another.
WITH input AS (SELECT task_id FROM unnest($1) AS i(task_id)), {{move_to_processing}}, leaving AS (
    SELECT t.task_id FROM input JOIN tasks t USING (task_id) JOIN workers s ON s.session_id = $2
    WHERE t.available_at <= clock_timestamp() AND {{left_to_others}}
    FOR UPDATE OF t SKIP LOCKED
), left_to_others AS (
    UPDATE tasks t SET dispatched_at = NULL FROM leaving WHERE t.task_id = leaving.task_id AND t.available_at IS NOT NULL
    RETURNING t.task_id
)
SELECT input.task_id, before.current_status::text AS found, moved.attempt, moved.backend, moved.circuit, moved.shots,
       moved.problem_id, moved.parameters, moved.timeout_seconds, moved.max_attempts, moved.priority,
       moved.metadata, moved.correlation_id,
       moved.submitted_at, moved.started_at,
       EXISTS (SELECT FROM left_to_others l WHERE l.task_id = input.task_id) AS left_to_others,
       EXISTS (SELECT FROM workers s WHERE s.session_id = $2 AND {{takes_tasks}}) AS session_alive
FROM input LEFT JOIN moved USING (task_id) LEFT JOIN tasks before USING (task_id)
