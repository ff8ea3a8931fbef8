-- Everything that one answer shows of a task, in one snapshot. Binds: task, statuses that are not awaited, whether the circuit
-- is read, whether the inputs are read, how many tasks ahead of it are counted.
--
-- Whether a result is small is decided by its size in the table, compressed or not: that is known without reading it. A read
-- that a waiting client repeats at each change stays small until the wait ends (`due`).
SELECT {{summary}}, t.execution, due.due, history.*, log.*, output.*,
       CASE WHEN pg_column_size(t.result) <= 8192 THEN t.result END AS result,
       coalesce(pg_column_size(t.result) > 8192, false) AS has_large_result,
       CASE WHEN due.due AND $3 THEN t.circuit END AS circuit,
       CASE WHEN $4 THEN t.parameters ELSE t.parameters - '{input,observables,sweep}'::text[] END AS parameters,
       CASE WHEN due.due AND t.available_at IS NOT NULL THEN {{waiting_ahead}} END AS ahead,
       CASE WHEN due.due THEN {{serving_workers}} END AS serving
FROM tasks t
CROSS JOIN LATERAL (SELECT t.current_status::text <> ALL ($2) AS due) AS due
CROSS JOIN LATERAL {{history}} AS history
CROSS JOIN LATERAL {{log}} AS log
CROSS JOIN LATERAL {{outputs}} AS output
WHERE t.task_id = $1
