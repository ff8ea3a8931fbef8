-- Workers of the registry with their status and their running tasks. {{workers}} is the condition on the row `w`, {{page}} what
-- is kept of the workers found.
--
-- The status is computed once, so that a worker is filtered and shown in the same state.
WITH found AS MATERIALIZED (
    SELECT w.*, CASE WHEN w.ended_at IS NOT NULL OR w.last_heartbeat_at < now() - w.lease_ms * interval '1 millisecond'
                          THEN 'offline'
                     WHEN EXISTS (SELECT FROM tasks t WHERE t.session_id = w.session_id) THEN 'busy'
                     ELSE 'idle' END AS status
    FROM workers w WHERE {{workers}}
), page AS (
    SELECT * FROM found {{page}}
)
SELECT p.worker_id, p.session_id, p.token_name, p.backends, p.capabilities, p.metadata, p.registered_at, p.last_heartbeat_at,
       p.status <> 'offline' AS online, p.draining_since IS NOT NULL AS draining,
       CASE WHEN p.ended_at IS NULL AND p.draining_since IS NULL AND p.quarantine_reason IS NOT NULL
            THEN 'quarantined: ' || p.quarantine_reason ELSE p.not_ready_reason END AS not_ready_reason, p.quarantine_reason, p.quarantined_at,
       p.quarantine_ends_at, p.lease_ms, p.tasks_completed,
       p.tasks_failed,
       ARRAY(SELECT t.task_id FROM tasks t WHERE t.session_id = p.session_id ORDER BY t.task_id) AS current_tasks
FROM page p ORDER BY p.worker_id
