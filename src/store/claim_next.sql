-- Claims the next tasks of some backends. Binds: backends, session, the window in which a worker leaves a task that it failed to
-- others, in milliseconds, the most tasks; $5: whether the service limits how many tasks the session owns at once, for a worker
-- that does not: to `max_parallel_tasks`, and to one during a quarantine; $6: the most bytes of circuits before the last one of the
-- claim, so that its first task is claimed whatever its size; $7: the most tasks with counted attempts. The claim ends before the
-- first task that exceeds a limit, so that no other one overtakes it. The length of a circuit is read without its text.
--
-- The tasks that the session owns are counted in the snapshot, so a concurrent claim of the same session must be noticed: each
-- limited claim increments `claims` and compares it with the snapshot. `next` is passed on as an array: the planner does not know
-- its limit and would otherwise join the whole table.
WITH claimant AS MATERIALIZED (
    SELECT s.*, least($4, slots - owned, CASE WHEN s.quarantined_at IS NOT NULL THEN 1 - owned END)::bigint AS free_slots,
           slots IS NOT NULL OR s.quarantined_at IS NOT NULL AS limited
    FROM (
        SELECT s.*, (SELECT count(*) FROM tasks WHERE $5 AND session_id = $2) AS owned,
               CASE WHEN $5 AND jsonb_typeof(s.capabilities -> 'max_parallel_tasks') = 'number'
                    THEN (s.capabilities ->> 'max_parallel_tasks')::numeric END AS slots
        FROM workers s WHERE s.session_id = $2 AND {{takes_tasks}}
    ) AS s
), line AS MATERIALIZED (
    SELECT candidate.task_id, candidate.bytes, candidate.is_tried, candidate.queue_rank
    FROM claimant s CROSS JOIN unnest($1) AS wanted(backend) CROSS JOIN LATERAL (
        SELECT t.task_id, t.queue_rank, coalesce(octet_length(t.circuit), 0) AS bytes, t.attempt > t.uncounted_attempts AS is_tried
        FROM tasks t
        WHERE t.backend = wanted.backend AND t.available_at <= clock_timestamp() AND {{accepts_problem}} AND NOT {{left_to_others}}
        ORDER BY t.queue_rank, t.task_id LIMIT greatest((SELECT free_slots FROM claimant), 0) FOR UPDATE OF t SKIP LOCKED
    ) AS candidate
    WHERE coalesce(NOT EXISTS (SELECT FROM paused_backends p WHERE p.backend = wanted.backend), false)
    ORDER BY candidate.queue_rank, candidate.task_id LIMIT greatest((SELECT free_slots FROM claimant), 0)
), next AS MATERIALIZED (
    SELECT task_id
    FROM (SELECT task_id, sum(bytes) OVER (ORDER BY queue_rank, task_id) - bytes AS bytes_before,
                 count(*) FILTER (WHERE is_tried) OVER (ORDER BY queue_rank, task_id) AS tried FROM line) AS sized
    WHERE bytes_before < $6 AND tried <= $7
), counted AS (
    UPDATE workers w SET claims = w.claims + 1 FROM claimant
    WHERE w.session_id = claimant.session_id AND w.claims = claimant.claims AND $5 AND claimant.limited AND EXISTS (SELECT FROM next)
    RETURNING w.session_id
), {{move_to_processing}}
SELECT moved.task_id, before.current_status::text AS found, moved.attempt, moved.backend, moved.circuit, moved.shots,
       moved.problem_id, moved.parameters, moved.timeout_seconds, moved.max_attempts, moved.priority,
       moved.metadata, moved.correlation_id, moved.traceparent, moved.tracestate,
       moved.submitted_at, moved.started_at, moved.waited_seconds, true AS session_alive, false AS left_to_others,
       moved.task_id IS NULL AND EXISTS (SELECT FROM next) AS outrun,
       (SELECT count(*) FROM line) > (SELECT count(*) FROM next) AS has_left_some,
       moved.task_id IS NULL AND (
           NOT EXISTS (SELECT FROM claimant WHERE free_slots > 0) OR EXISTS (SELECT FROM next) OR EXISTS (
               SELECT FROM claimant s CROSS JOIN unnest($1) AS wanted(backend) JOIN tasks t ON t.backend = wanted.backend
               WHERE t.available_at <= clock_timestamp() AND (NOT {{accepts_problem}} OR {{left_to_others}}))
       ) AS only_for_others
FROM (SELECT) AS once LEFT JOIN (moved JOIN tasks before USING (task_id)) ON true
