-- Stores new tasks with the inputs of the terminal tasks $1, in that order, under the ids $2. Binds: $3: correlation id; $4, $5:
-- idempotency key and fingerprint of the request, or NULL; $6: lifetime of a key in seconds; $7: priority aging interval in
-- milliseconds; $8, $9: the trace context of the request, or NULL: the new tasks then continue the traces of the others.
--
-- All are stored or none: none if one of them does not exist, or is not terminal. No circuit leaves the database. The key is
-- inserted first, as for a submission.
WITH input AS (
    SELECT * FROM unnest($1, $2) WITH ORDINALITY AS i(rerun_of, task_id, ordinal)
), accepted AS MATERIALIZED (
    SELECT count(*) = cardinality($1) AS all_ended
    FROM input i JOIN tasks t ON t.task_id = i.rerun_of WHERE t.completed_at IS NOT NULL
), keyed AS (
    INSERT INTO idempotency_keys AS k (key, request_fingerprint, task_ids)
    SELECT $4, $5, $2 FROM accepted WHERE $4 IS NOT NULL AND all_ended
    ON CONFLICT (key) DO UPDATE SET request_fingerprint = excluded.request_fingerprint, task_ids = excluded.task_ids, created_at = clock_timestamp()
    WHERE {{key_is_over}}
    RETURNING key
), created AS (
    INSERT INTO tasks (task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts,
                       metadata, name, tags, callback_url, webhook_host, idempotency_key, correlation_id, rerun_of, project,
                       traceparent, tracestate, submitted_at, available_at, dispatched_at, queue_rank)
    SELECT i.task_id, t.backend, t.circuit, t.shots, t.problem_id, t.parameters, t.priority, t.timeout_seconds, t.max_attempts,
           t.metadata, t.name, t.tags, t.callback_url, t.webhook_host, $4, $3, t.task_id, t.project,
           coalesce($8, t.traceparent), CASE WHEN $8 IS NULL THEN t.tracestate ELSE $9 END,
           now, now, now, now - t.priority * $7 * interval '1 millisecond'
    FROM input i JOIN tasks t ON t.task_id = i.rerun_of CROSS JOIN (SELECT clock_timestamp() AS now) AS clock
    WHERE (SELECT all_ended FROM accepted) AND ($4 IS NULL OR EXISTS (SELECT FROM keyed))
    ORDER BY i.ordinal
    RETURNING task_id, backend, submitted_at, tags, priority, rerun_of
), tagged AS (
    INSERT INTO task_tags (tag, priority, task_id)
    SELECT DISTINCT tag, priority, task_id FROM created, jsonb_array_elements_text(tags) AS tag
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, notes)
    SELECT task_id, 'pending', submitted_at, 0, 'Created as a rerun of ' || rerun_of FROM created
), notified AS (
    SELECT count(pg_notify('qtask_ready', backend)) AS backends FROM (SELECT DISTINCT backend FROM created) AS ready
)
SELECT created.task_id, created.backend, created.priority, created.submitted_at, created.rerun_of, notified.backends
FROM created, notified ORDER BY created.task_id
