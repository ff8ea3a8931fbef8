-- Stores tasks with their first history entry, tags and idempotency keys. Binds $1 to $17 and $21 to $24 are arrays with one
-- element for each task; $18: whether all tasks are one request under one key; $19: lifetime of a key in seconds; $20:
-- priority aging interval in milliseconds.
--
-- The key is inserted first: a task is stored only if its key was free or has expired. dispatched_at is set at once: a
-- successful publish after the commit then needs no second UPDATE.
WITH input AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $21, $22, $23, $24)
    AS i(task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts, metadata,
        name, tags, callback_url, idempotency_key, request_fingerprint, correlation_id, ordinal, webhook_host, project,
        traceparent, tracestate)
), keyed AS (
    INSERT INTO idempotency_keys AS k (key, request_fingerprint, task_ids)
    SELECT idempotency_key, (array_agg(request_fingerprint ORDER BY ordinal))[1],
        CASE WHEN $18 THEN array_agg(task_id ORDER BY ordinal) ELSE (array_agg(task_id ORDER BY ordinal))[1:1] END
    FROM input WHERE idempotency_key IS NOT NULL GROUP BY idempotency_key ORDER BY idempotency_key
    ON CONFLICT (key) DO UPDATE SET request_fingerprint = excluded.request_fingerprint, task_ids = excluded.task_ids, created_at = clock_timestamp()
    WHERE {{key_is_over}}
    RETURNING task_ids
), created AS (
    INSERT INTO tasks (task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts,
                       metadata, name, tags, callback_url, webhook_host, idempotency_key, correlation_id,
                       submitted_at, available_at, dispatched_at, queue_rank, project, traceparent, tracestate)
    SELECT task_id, backend, circuit, shots, problem_id, parameters, priority, timeout_seconds, max_attempts,
           metadata, name, tags, callback_url, webhook_host, idempotency_key, correlation_id,
           now, now, now, now - priority * $20 * interval '1 millisecond', project, traceparent, tracestate
    FROM input, (SELECT clock_timestamp() AS now) AS clock
    WHERE idempotency_key IS NULL OR task_id IN (SELECT unnest(task_ids) FROM keyed)
    ORDER BY ordinal
    RETURNING task_id, backend, submitted_at, tags, priority
), tagged AS (
    INSERT INTO task_tags (tag, priority, task_id)
    SELECT DISTINCT tag, priority, task_id FROM created, jsonb_array_elements_text(tags) AS tag
), history AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, notes)
    SELECT task_id, 'pending', submitted_at, 0, 'Task created' FROM created
), notified AS (
    SELECT count(pg_notify('qtask_ready', backend)) AS backends FROM (SELECT DISTINCT backend FROM created) AS ready
)
SELECT created.task_id, created.submitted_at, notified.backends FROM created, notified
