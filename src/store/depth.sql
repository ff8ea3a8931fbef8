-- How many tasks of each backend wait and run, for how long the first of the queue have been due, how many workers it has, and
-- whether it is paused. Binds: how many tasks are counted, how many backends are read.
--
-- The recursive query reads one index entry for each waiting backend, not the tasks between them.
WITH RECURSIVE next AS (
    (SELECT backend, 1 AS position FROM tasks WHERE available_at IS NOT NULL ORDER BY backend LIMIT 1)
    UNION ALL
    SELECT (SELECT backend FROM tasks WHERE available_at IS NOT NULL AND backend > next.backend
            ORDER BY backend LIMIT 1), next.position + 1
    FROM next WHERE next.backend IS NOT NULL AND next.position < $2
), running AS (
    SELECT backend, count(*) AS tasks
    FROM (SELECT backend FROM tasks WHERE session_id IS NOT NULL LIMIT $1) AS counted GROUP BY backend
), served AS (
    SELECT backend, count(*) AS online, count(*) FILTER (WHERE takes_tasks) AS available
    FROM (
        SELECT unnest(backends) AS backend, draining_since IS NULL AND quarantined_at IS NULL AS takes_tasks FROM workers
        WHERE ended_at IS NULL AND last_heartbeat_at >= clock_timestamp() - lease_ms * interval '1 millisecond'
    ) AS w GROUP BY backend ORDER BY backend LIMIT $2
), names AS (
    SELECT backend FROM next WHERE backend IS NOT NULL UNION SELECT backend FROM running UNION SELECT backend FROM served
    UNION (SELECT backend FROM paused_backends ORDER BY backend LIMIT $2)
)
SELECT names.backend, coalesce(served.online, 0) AS workers_online, coalesce(served.available, 0) AS workers_available,
       queue.waiting, queue.oldest_due_seconds, EXISTS (SELECT FROM paused_backends p WHERE p.backend = names.backend) AS is_paused, coalesce(running.tasks, 0) AS running
FROM names LEFT JOIN running USING (backend) LEFT JOIN served USING (backend)
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting,
           coalesce(extract(epoch FROM greatest(clock_timestamp(), min(available_at)) - min(available_at)), 0)::double precision
               AS oldest_due_seconds
    FROM (SELECT available_at FROM tasks t
          WHERE t.backend = names.backend AND t.available_at IS NOT NULL
          ORDER BY t.queue_rank, t.task_id LIMIT $1) AS first
) AS queue
