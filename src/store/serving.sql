-- Subquery: the workers of the backend of the task `t`, and its pause, as a JSON document; NULL if the task does not wait.
--
-- If any worker takes tasks, the first 50 of them are read; otherwise all workers of the backend are counted, at most as many
-- as the registry holds. `capabilities` is free JSON sent by the worker: only numbers are cast.
(CASE WHEN t.available_at IS NOT NULL THEN (
    SELECT jsonb_build_object('is_delayed', t.available_at > clock_timestamp(), 'taking', able.taking,
               'has_room', able.has_room, 'offline', others.offline, 'draining', others.draining,
               'not_ready', others.not_ready, 'not_ready_reason', others.not_ready_reason,
               'pause', (SELECT jsonb_build_object('reason', p.reason, 'by', p.paused_by)
                         FROM paused_backends p WHERE p.backend = t.backend))
    FROM (
        SELECT count(*) AS taking, coalesce(bool_or(w.running < w.slots), false) AS has_room
        FROM (
            SELECT w.slots, (SELECT count(*) FROM (
                       SELECT FROM tasks r WHERE r.session_id = w.session_id LIMIT w.slots) AS held) AS running
            FROM (
                SELECT session_id,
                       CASE WHEN jsonb_typeof(capabilities -> 'max_parallel_tasks') = 'number'
                            THEN least(greatest((capabilities ->> 'max_parallel_tasks')::numeric, 1), 100000)
                            ELSE 1 END::bigint AS slots
                FROM workers
                WHERE t.backend = ANY (backends) AND draining_since IS NULL AND not_ready_reason IS NULL AND ended_at IS NULL
                  AND quarantined_at IS NULL AND coalesce(t.problem_id LIKE ANY (problems), true)
                  AND last_heartbeat_at >= clock_timestamp() - lease_ms * interval '1 millisecond'
                LIMIT 50
            ) AS w
        ) AS w
    ) AS able
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE NOT w.online) AS offline,
               count(*) FILTER (WHERE w.online AND w.draining) AS draining,
               count(*) FILTER (WHERE w.online AND NOT w.draining) AS not_ready,
               max(w.not_ready_reason) FILTER (WHERE w.online AND NOT w.draining) AS not_ready_reason
        FROM (
            SELECT ended_at IS NULL
                   AND last_heartbeat_at >= clock_timestamp() - lease_ms * interval '1 millisecond' AS online,
                   draining_since IS NOT NULL AS draining, coalesce('quarantined: ' || quarantine_reason, not_ready_reason) AS not_ready_reason
            FROM workers
            WHERE able.taking = 0 AND t.backend = ANY (backends) AND coalesce(t.problem_id LIKE ANY (problems), true)
        ) AS w
    ) AS others
) END)
