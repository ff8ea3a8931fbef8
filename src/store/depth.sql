-- How many tasks of each backend wait and run, and whether it is paused. Binds: how many tasks are counted, how many backends are read.
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
), names AS (
    SELECT backend FROM next WHERE backend IS NOT NULL UNION SELECT backend FROM running
    UNION (SELECT backend FROM paused_backends ORDER BY backend LIMIT $2)
)
SELECT names.backend, EXISTS (SELECT FROM paused_backends p WHERE p.backend = names.backend) AS is_paused, coalesce(running.tasks, 0) AS running,
       (SELECT count(*) FROM (
           SELECT FROM tasks t WHERE t.backend = names.backend AND t.available_at IS NOT NULL LIMIT $1
       ) AS counted) AS waiting
FROM names LEFT JOIN running ON running.backend = names.backend
