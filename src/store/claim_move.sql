-- Common table expressions `moved` and `history`: move the tasks of {{tasks}} to `processing`, for a claim by id and for a claim
-- of the next tasks. Bind $2: the session. {{condition}} is a further condition on the task `t`.
moved AS (
    UPDATE tasks t
    SET current_status = 'processing', attempt = t.attempt + 1, worker_id = s.worker_id, session_id = s.session_id,
        last_worker_id = s.worker_id, started_at = clock_timestamp(), available_at = NULL, progress = NULL
    FROM {{tasks}} AS c(task_id) JOIN workers s ON s.session_id = $2 AND {{takes_tasks}}
    WHERE t.task_id = c.task_id AND t.current_status IN ('pending', 'retrying') AND t.available_at <= clock_timestamp()
      AND t.backend = ANY (s.backends) AND {{accepts_problem}} AND NOT {{left_to_others}}
      AND {{is_not_paused}}{{condition}}
    RETURNING t.task_id, t.attempt, t.backend, t.circuit, t.shots, t.problem_id, t.parameters, t.timeout_seconds,
              t.max_attempts, t.priority, t.metadata, t.correlation_id, t.traceparent, t.tracestate, t.submitted_at, t.started_at, t.worker_id,
              extract(epoch FROM t.started_at - coalesce(t.waits_since, t.submitted_at))::double precision AS waited_seconds
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, session_id, notes)
    SELECT task_id, 'processing', started_at, attempt, worker_id, $2, 'Worker started processing' FROM moved
)
