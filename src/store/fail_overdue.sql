-- Fails up to $1 attempts that ran past their timeout and were not stopped by their worker. Bind $2: the shortest grace time
-- in milliseconds.
--
-- A worker stops an overdue attempt by its own clock; this statement is for a worker that renews its lease but does not stop.
-- Only time during which the clock ran steadily counts. After an outage, workers first get the grace time to write results
-- that they kept.
WITH overdue AS (
    SELECT t.task_id, t.worker_id FROM sweeps, tasks t JOIN workers w ON w.session_id = t.session_id
    WHERE sweeps.duty = 'reap' AND t.session_id IS NOT NULL AND t.cancel_requested_at IS NULL AND {{turn_is_recent}}
      AND greatest(greatest(CASE WHEN t.started_at <= clock_timestamp() THEN t.started_at END, sweeps.steady_since)
                   + t.timeout_seconds * interval '1 second', sweeps.unbroken_since)
          < clock_timestamp() - {{stop_time}}
    LIMIT $1 FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET current_status = 'failed', completed_at = clock_timestamp(), worker_id = NULL, session_id = NULL,
        error_code = 'timeout', error_message = 'ran longer than ' || t.timeout_seconds || ' s'
    FROM overdue o WHERE t.task_id = o.task_id AND t.current_status = 'processing'
    RETURNING t.task_id, t.backend, t.attempt, o.worker_id, t.timeout_seconds, t.correlation_id,
              t.traceparent, t.tracestate,
              extract(epoch FROM clock_timestamp() - t.started_at)::double precision AS ran_seconds,
              extract(epoch FROM clock_timestamp() - t.submitted_at)::double precision AS age_seconds
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, notes)
    SELECT task_id, 'failed', clock_timestamp(), attempt, worker_id, 'timeout: ran longer than ' || timeout_seconds || ' s'
    FROM moved
)
SELECT task_id, backend, attempt, worker_id, 'failed' AS status, correlation_id, ran_seconds, age_seconds, traceparent, tracestate FROM moved
