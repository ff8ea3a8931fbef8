-- Claims tasks by id. Binds: ids, session, the window in which a worker leaves a task that it failed to others, in milliseconds;
-- $4: for each id whether the task would wait for a slot; $5: the longest circuit of such a task, in bytes.
--
-- The outer join to tasks reads the snapshot from before the move: the status that the claim found. If a task is left to others,
-- or its backend is paused, its message is acked and lost: dispatched_at is cleared, and a sweep sends another, after a pause once
-- the backend is resumed.
WITH input AS (SELECT * FROM unnest($1, $4) AS i(task_id, is_ahead)), {{move_to_processing}}, leaving AS (
    SELECT t.task_id, NOT {{is_not_paused}} AS backend_paused
    FROM input JOIN tasks t USING (task_id) JOIN workers s ON s.session_id = $2
    WHERE t.available_at <= clock_timestamp() AND ({{left_to_others}} OR NOT {{is_not_paused}})
    FOR UPDATE OF t SKIP LOCKED
), left_waiting AS (
    UPDATE tasks t SET dispatched_at = NULL FROM leaving WHERE t.task_id = leaving.task_id AND t.available_at IS NOT NULL
    RETURNING t.task_id, leaving.backend_paused
)
SELECT input.task_id, t.current_status::text AS found, moved.attempt, moved.backend, moved.circuit, moved.shots,
       moved.problem_id, moved.parameters, moved.timeout_seconds, moved.max_attempts, moved.priority,
       moved.metadata, moved.correlation_id, moved.traceparent, moved.tracestate,
       moved.submitted_at, moved.started_at, moved.waited_seconds,
       EXISTS (SELECT FROM left_waiting l WHERE l.task_id = input.task_id AND NOT l.backend_paused) AS left_to_others,
       EXISTS (SELECT FROM left_waiting l WHERE l.task_id = input.task_id AND l.backend_paused) AS backend_paused,
       EXISTS (SELECT FROM workers s WHERE s.session_id = $2 AND {{takes_tasks}}) AS session_alive,
       coalesce(input.is_ahead AND t.available_at <= clock_timestamp() AND {{needs_slot}}, false) AS needs_slot
FROM input LEFT JOIN moved USING (task_id) LEFT JOIN tasks t USING (task_id)
