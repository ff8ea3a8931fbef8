-- Subquery with one row: a page of the log of a task, lines with ids greater than {{after}}, oldest first, one array for each
-- column. {{condition}} turns it off.
--
-- One line more than {{limit}} is read, to know whether there is a next page. A page ends before the line that would exceed
-- {{bytes}}; its first line is returned whatever its size.
(SELECT coalesce(array_agg(id), '{}') AS log_ids, coalesce(array_agg(attempt), '{}') AS log_attempts,
        coalesce(array_agg(logged_at), '{}') AS log_times, coalesce(array_agg(level), '{}') AS log_levels,
        coalesce(array_agg(message), '{}') AS log_messages, coalesce(array_agg(context), '{}') AS log_contexts,
        coalesce(max(position) < max(lines), false) AS has_more_logs
 FROM (SELECT * FROM (
           SELECT *, row_number() OVER ids AS position, count(*) OVER () AS lines,
                  sum(octet_length(message) + coalesce(octet_length(context::text), 0)) OVER ids AS bytes
           FROM (SELECT id, attempt, logged_at, level, message, context FROM task_logs
                 WHERE task_id = {{task}} AND id > {{after}} AND level = ANY({{levels}}) AND ({{since}} IS NULL OR logged_at >= {{since}}) AND {{condition}}
                 ORDER BY id LIMIT {{limit}} + 1) AS found
           WINDOW ids AS (ORDER BY id)
       ) AS measured
       WHERE position <= {{limit}} AND (position = 1 OR bytes <= {{bytes}}) ORDER BY id) AS line)
