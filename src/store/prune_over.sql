-- The tasks of one status and priority that have been terminal for long enough. Binds: age in seconds, status, priority, the
-- task after which to read, how many tasks to read, backend or NULL.
--
-- The index tasks_by_status is read in its order, from a key on: neither the table nor the entries of tasks that were deleted
-- before are read. An id contains the time of the submission by the clock of an API process, which is earlier than the end; it
-- bounds what is read, with a margin for the difference between the clocks. completed_at decides.
--
-- `clock` is empty if PostgreSQL's clock was set within the last hour; then no task counts as old. Not over are a task whose
-- webhook is still to be sent, and a task that an idempotency key names: a repetition of its request would find no task. Scalar
-- subqueries instead of NOT EXISTS: without statistics, the planner would join both tables as a whole.
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() - $1 * interval '1 second' AS ended_before,
           (lpad(to_hex(greatest(0, floor(extract(epoch FROM clock_timestamp() - $1 * interval '1 second' + interval '5 minutes') * 1000))
                        ::bigint), 12, '0') || repeat('0', 20))::uuid AS id_before
    FROM sweeps
    WHERE duty = 'reap' AND {{turn_is_recent}} AND steady_since < clock_timestamp() - interval '1 hour'
), examined AS MATERIALIZED (
    SELECT task_id, backend, completed_at, callback_url, idempotency_key FROM tasks
    WHERE session_id IS NULL
      AND (current_status, priority, task_id) > ($2::task_status, $3, $4)
      AND (current_status, priority, task_id) < ($2::task_status, $3, (SELECT id_before FROM clock))
    ORDER BY current_status, priority, task_id LIMIT $5
), over AS MATERIALIZED (
    SELECT task_id FROM examined e
    WHERE completed_at < (SELECT ended_before FROM clock)
      AND ($6 IS NULL OR backend = $6)
      AND (callback_url IS NULL
           OR (SELECT count(*) FROM webhooks w WHERE w.task_id = e.task_id AND w.due_at IS NOT NULL) = 0)
      AND (idempotency_key IS NULL
           OR (SELECT count(*) FROM idempotency_keys k WHERE k.key = e.idempotency_key AND e.task_id = ANY (k.task_ids)) = 0)
)
