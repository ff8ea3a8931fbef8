-- Takes up to $1 due webhooks for one attempt each, so that no host has more than $4 at once. Binds: $2: lease in milliseconds;
-- $3: the host of each call in progress.
--
-- The recursive query reads the due webhooks host by host through webhooks_due_by_host. Due times are compared with now() and
-- not with the clock: a value that changes during the statement cannot be used as an index condition, and every webhook that
-- is not due would be read. A webhook that another process took meanwhile is skipped: due_at is compared again under the
-- lock.
WITH RECURSIVE hosts AS (
    (SELECT host FROM webhooks WHERE due_at IS NOT NULL ORDER BY host LIMIT 1)
    UNION ALL
    SELECT (SELECT host FROM webhooks WHERE due_at IS NOT NULL AND host > hosts.host ORDER BY host LIMIT 1)
    FROM hosts WHERE hosts.host IS NOT NULL
), chosen AS (
    SELECT first.task_id FROM hosts CROSS JOIN LATERAL (
        SELECT c.task_id, c.due_at FROM webhooks c WHERE c.host = hosts.host AND c.due_at <= now()
        ORDER BY c.due_at LIMIT greatest($4 - cardinality(array_positions($3, hosts.host)), 0)
    ) AS first
    ORDER BY first.due_at LIMIT $1
), due AS (
    SELECT c.task_id FROM chosen JOIN webhooks c USING (task_id) WHERE c.due_at <= now() FOR UPDATE OF c SKIP LOCKED
), taken AS (
    UPDATE webhooks c
    SET attempts = c.attempts + 1, due_at = clock_timestamp() + $2 * interval '1 millisecond',
        put_off_at = clock_timestamp()
    FROM due WHERE c.task_id = due.task_id
    RETURNING c.task_id, c.delivery_id, c.url, c.host, c.attempts
)
SELECT taken.*, t.current_status::text AS status, t.circuit IS NOT NULL AS is_circuit, t.name, t.attempt,
       t.completed_at, t.error_code, t.error_message, t.correlation_id, t.traceparent, t.tracestate
FROM taken JOIN tasks t ON t.task_id = taken.task_id
