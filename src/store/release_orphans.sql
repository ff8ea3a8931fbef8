-- Releases up to $1 running tasks whose session has ended or was replaced.
--
-- The session is compared again when the row is locked: between the snapshot and the lock, another sweep may have released the
-- task and a living session claimed it, and PostgreSQL does not evaluate NOT EXISTS again for the new version of the row.
WITH lost AS MATERIALIZED (
    SELECT t.task_id, t.session_id FROM tasks t
    WHERE t.session_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM workers w WHERE w.session_id = t.session_id AND w.ended_at IS NULL)
    LIMIT $1
), orphans AS (
    SELECT t.task_id, t.session_id, t.attempt, t.worker_id,
           t.attempt - t.uncounted_attempts >= t.max_attempts AS used_up
    FROM lost JOIN tasks t ON t.task_id = lost.task_id AND t.session_id = lost.session_id
    FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET current_status = CASE WHEN t.cancel_requested_at IS NOT NULL THEN 'cancelled'
                              WHEN o.used_up THEN 'failed' ELSE 'retrying' END::task_status,
        completed_at = CASE WHEN o.used_up OR t.cancel_requested_at IS NOT NULL THEN clock_timestamp() END,
        available_at = CASE WHEN NOT o.used_up AND t.cancel_requested_at IS NULL THEN clock_timestamp() END,
        waits_since = clock_timestamp(), dispatched_at = NULL, worker_id = NULL, session_id = NULL,
        error_code = CASE WHEN t.cancel_requested_at IS NULL THEN 'worker_lost' END,
        error_message = CASE WHEN t.cancel_requested_at IS NULL
                             THEN 'worker ' || o.worker_id || ' was lost during attempt ' || o.attempt END
    FROM orphans o
    WHERE t.task_id = o.task_id AND t.session_id = o.session_id AND t.current_status = 'processing'
    RETURNING t.task_id, t.backend, o.attempt, o.worker_id, t.current_status AS status, t.correlation_id,
              t.traceparent, t.tracestate,
              extract(epoch FROM clock_timestamp() - t.started_at)::double precision AS ran_seconds,
              extract(epoch FROM clock_timestamp() - t.submitted_at)::double precision AS age_seconds
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, notes)
    SELECT task_id, status, clock_timestamp(), attempt, worker_id,
           CASE WHEN status = 'cancelled' THEN 'Cancelled on request; the worker was lost'
                ELSE 'Worker was lost' END
    FROM moved
)
SELECT task_id, backend, attempt, worker_id, status::text AS status, correlation_id, ran_seconds, age_seconds, traceparent, tracestate FROM moved
