-- The depth, workers and run times of a page of backends. Binds: configured names, how many waiting tasks are counted,
-- the name before the page, the size of the page.
--
-- The cost does not depend on the size of the table: the recursive query reads one index entry for each waiting backend
-- and stops at the end of the page, waiting tasks are counted up to the limit, and the last 100 results are read through
-- tasks_last_completed. `capabilities` is free JSON sent by the worker: only numbers are cast.
WITH RECURSIVE waits AS (
    (SELECT backend, 1 AS position FROM tasks WHERE available_at IS NOT NULL AND backend > $3 ORDER BY backend LIMIT 1)
    UNION ALL
    SELECT (SELECT backend FROM tasks WHERE available_at IS NOT NULL AND backend > waits.backend
            ORDER BY backend LIMIT 1), waits.position + 1
    FROM waits WHERE waits.backend IS NOT NULL AND waits.position <= $4
), runs AS (
    SELECT backend, count(*) AS running FROM tasks WHERE session_id IS NOT NULL GROUP BY backend
), served AS (
    SELECT w.backend, count(*) FILTER (WHERE online) AS workers,
           coalesce(sum(slots) FILTER (WHERE online AND takes_tasks), 0)::bigint AS slots
    FROM (
        SELECT unnest(backends) AS backend, draining_since IS NULL AND quarantined_at IS NULL AS takes_tasks,
               ended_at IS NULL AND last_heartbeat_at >= clock_timestamp() - lease_ms * interval '1 millisecond' AS online,
               CASE WHEN jsonb_typeof(capabilities -> 'max_parallel_tasks') = 'number'
                    THEN least(greatest((capabilities ->> 'max_parallel_tasks')::numeric, 1), 100000)
                    ELSE 1 END::bigint AS slots
        FROM workers
    ) AS w GROUP BY w.backend
), known AS (
    SELECT backend FROM (
        SELECT backend FROM waits WHERE backend IS NOT NULL
        UNION SELECT backend FROM runs UNION SELECT backend FROM served UNION SELECT unnest($1)
        UNION SELECT backend FROM paused_backends
    ) AS every WHERE backend > $3 ORDER BY backend LIMIT $4 + 1
)
SELECT k.backend, coalesce(served.workers, 0) AS workers_online, coalesce(served.slots, 0) AS slots_online,
       queue.waiting, coalesce(runs.running, 0) AS running, queue.oldest_wait_seconds, results.median_run_seconds,
       paused.paused_at, paused.reason AS pause_reason, paused.paused_by
FROM known k LEFT JOIN served USING (backend) LEFT JOIN runs USING (backend) LEFT JOIN paused_backends paused USING (backend)
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting,
           extract(epoch FROM greatest(clock_timestamp(), min(submitted_at)) - min(submitted_at))::double precision AS oldest_wait_seconds
    FROM (SELECT submitted_at FROM tasks t
          WHERE t.backend = k.backend AND t.available_at IS NOT NULL
          ORDER BY t.queue_rank, t.task_id LIMIT $2 + 1) AS first
) AS queue
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median_run_seconds
    FROM (SELECT extract(epoch FROM greatest(t.completed_at, t.started_at) - t.started_at)::double precision AS seconds FROM tasks t
          WHERE t.backend = k.backend AND t.current_status = 'completed' AND t.completed_at IS NOT NULL
          ORDER BY t.completed_at DESC LIMIT 100) AS last
) AS results
ORDER BY k.backend
