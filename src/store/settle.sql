-- Moves attempts out of `processing`, each by its owner. Binds: thirteen arrays with one element for each settlement, as in
-- `input`.
--
-- Workers of qtask report the duration of the attempt in `execution`; for others it is computed from the times of the row. If
-- there is no execution, || yields NULL. `moved_before` finds the history entry of a settlement that was sent twice.
WITH input AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        AS i(task_id, worker_id, session_id, attempt, verdict, result, execution, error_code, error_message, delay_ms, note, blamed, is_counted)
), moved AS (
    UPDATE tasks t
    SET current_status = {{next_status}}::task_status,
        completed_at = CASE WHEN {{next_status}} <> 'retrying' THEN clock_timestamp() END,
        available_at = CASE WHEN {{next_status}} = 'retrying' THEN clock_timestamp() + i.delay_ms * interval '1 millisecond' END,
        waits_since = CASE WHEN {{next_status}} = 'retrying' THEN clock_timestamp() ELSE t.waits_since END,
        dispatched_at = CASE WHEN {{next_status}} = 'retrying' THEN NULL ELSE t.dispatched_at END,
        uncounted_attempts = t.uncounted_attempts + (i.verdict = 'released')::integer,
        worker_id = NULL, session_id = NULL,
        blamed_workers = CASE WHEN i.blamed
                              THEN (i.worker_id || array_remove(t.blamed_workers, i.worker_id))[:8]
                              ELSE t.blamed_workers END,
        blamed_at = CASE WHEN i.blamed THEN now() ELSE t.blamed_at END,
        result = i.result, error_code = i.error_code, error_message = i.error_message,
        execution = CASE WHEN i.execution ? 'executed_ms' THEN i.execution ELSE jsonb_build_object(
            'queued_ms', greatest(0, floor(extract(epoch FROM t.started_at - t.submitted_at) * 1000))::bigint,
            'executed_ms', greatest(0, floor(extract(epoch FROM clock_timestamp() - t.started_at) * 1000))::bigint
        ) || i.execution END
    FROM input i
    WHERE t.task_id = i.task_id AND t.current_status = 'processing'
      AND t.worker_id = i.worker_id AND t.session_id = i.session_id AND t.attempt = i.attempt
    RETURNING t.task_id, t.backend, t.attempt, t.current_status AS status, t.correlation_id, i.worker_id, i.session_id, i.is_counted,
              extract(epoch FROM clock_timestamp() - t.started_at)::double precision AS ran_seconds,
              extract(epoch FROM clock_timestamp() - t.submitted_at)::double precision AS age_seconds,
              CASE WHEN t.current_status = 'cancelled' THEN 'Cancelled on request'
                   WHEN i.verdict <> 'retry' THEN i.note
                   WHEN t.current_status = 'failed' THEN i.note || '; that was the last of ' || t.max_attempts || ' attempts'
                   WHEN t.current_status = 'retrying' THEN i.note || '; next attempt in ' || round(i.delay_ms / 1000.0, 1) || ' s'
                        || CASE WHEN i.blamed THEN ', at another worker first' ELSE '' END
                   ELSE i.note END AS note
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, session_id, notes)
    SELECT task_id, status, clock_timestamp(), attempt, worker_id, session_id, note FROM moved
), notified AS (
    SELECT count(pg_notify('qtask_ready', backend)) AS backends
    FROM (SELECT DISTINCT backend FROM moved WHERE status = 'retrying') AS ready
), ended AS MATERIALIZED (
    SELECT worker_id, session_id, count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed
    FROM moved WHERE is_counted AND status IN ('completed', 'failed') GROUP BY worker_id, session_id
), locked AS MATERIALIZED (
    SELECT w.worker_id, ended.session_id, ended.completed, ended.failed
    FROM ended JOIN workers w ON w.worker_id = ended.worker_id
    ORDER BY w.worker_id FOR UPDATE OF w
), counted AS (
    UPDATE workers w
    SET tasks_completed = w.tasks_completed + locked.completed, tasks_failed = w.tasks_failed + locked.failed
    FROM locked WHERE w.worker_id = locked.worker_id AND w.session_id = locked.session_id
)
SELECT i.task_id, i.attempt, i.session_id, moved.status::text AS moved_to, moved.backend, moved.correlation_id,
       moved.ran_seconds, moved.age_seconds,
       CASE WHEN moved.task_id IS NULL THEN (
           SELECT h.status::text FROM status_history h
           WHERE h.task_id = i.task_id AND h.attempt = i.attempt AND h.session_id = i.session_id AND h.status <> 'processing'
             AND (h.status::text = i.verdict OR i.verdict IN ('retry', 'released')
                  OR (i.verdict = 'failed' AND h.status = 'cancelled'))
           ORDER BY h.id DESC LIMIT 1
       ) END AS moved_before,
       notified.backends
FROM input i LEFT JOIN moved ON moved.task_id = i.task_id AND moved.attempt = i.attempt AND moved.session_id = i.session_id
CROSS JOIN notified
