-- Tasks that the session owns, except those named. Binds: session, ids of the tasks named, the most tasks, the shortest age of a
-- claim in milliseconds, the most bytes of circuits before the last one.
--
-- A claim with a time in the future was made before the clock was set back.
SELECT task_id, current_status::text AS found, attempt, backend, circuit, shots, problem_id, parameters, timeout_seconds,
       max_attempts, priority, metadata, correlation_id, traceparent, tracestate, submitted_at, started_at,
       NULL::double precision AS waited_seconds, true AS session_alive,
       false AS left_to_others, false AS backend_paused, false AS needs_slot
FROM (
    SELECT *, sum(coalesce(octet_length(circuit), 0)) OVER (ORDER BY started_at, task_id)
              - coalesce(octet_length(circuit), 0) AS bytes_before
    FROM tasks
    WHERE session_id = $1 AND NOT task_id = ANY ($2)
      AND started_at NOT BETWEEN clock_timestamp() - $4 * interval '1 millisecond'
                             AND clock_timestamp() + $4 * interval '1 millisecond'
) AS owned
WHERE bytes_before < $5
ORDER BY started_at, task_id LIMIT $3
