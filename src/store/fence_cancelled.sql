-- Cancels up to $1 running tasks whose worker was asked to stop them and did not. Bind $2: the shortest grace time in
-- milliseconds.
--
-- A worker that ignores the request, or cannot receive it, must not keep the task.
WITH unstopped AS (
    SELECT t.task_id, t.worker_id FROM sweeps, tasks t JOIN workers w ON w.session_id = t.session_id
    WHERE sweeps.duty = 'reap' AND t.session_id IS NOT NULL AND t.cancel_requested_at IS NOT NULL AND {{turn_is_recent}}
      AND greatest(CASE WHEN t.cancel_requested_at <= clock_timestamp() THEN t.cancel_requested_at END,
                   sweeps.unbroken_since) < clock_timestamp() - {{stop_time}}
    LIMIT $1 FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET current_status = 'cancelled', completed_at = clock_timestamp(), worker_id = NULL, session_id = NULL
    FROM unstopped WHERE t.task_id = unstopped.task_id AND t.current_status = 'processing'
    RETURNING t.task_id, t.backend, t.attempt, unstopped.worker_id, t.correlation_id,
              t.traceparent, t.tracestate,
              extract(epoch FROM clock_timestamp() - t.started_at)::double precision AS ran_seconds,
              extract(epoch FROM clock_timestamp() - t.submitted_at)::double precision AS age_seconds
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, notes)
    SELECT task_id, 'cancelled', clock_timestamp(), attempt, worker_id,
           'Cancelled on request; the worker did not answer'
    FROM moved
)
SELECT task_id, backend, attempt, worker_id, 'cancelled' AS status, correlation_id, ran_seconds, age_seconds, traceparent, tracestate FROM moved
