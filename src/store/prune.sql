-- Deletes the tasks of {{over}} with all rows that belong to them. attempt_outputs follow by their foreign key.
--
-- A task that another statement has locked is skipped: two prunes share the work instead of waiting for each other. Rows are
-- found by arrays of ids, and tags by their whole keys, so that the plan is the same without statistics.
{{over}}, locked AS MATERIALIZED (
    SELECT task_id FROM tasks WHERE task_id = ANY (ARRAY(SELECT task_id FROM over)) FOR UPDATE SKIP LOCKED
), pruned AS (
    DELETE FROM tasks WHERE task_id = ANY (ARRAY(SELECT task_id FROM locked)) RETURNING task_id, tags, priority
), history AS (
    DELETE FROM status_history WHERE task_id = ANY (ARRAY(SELECT task_id FROM pruned))
), logs AS (
    DELETE FROM task_logs WHERE task_id = ANY (ARRAY(SELECT task_id FROM pruned))
), sent AS (
    DELETE FROM webhooks WHERE task_id = ANY (ARRAY(SELECT task_id FROM pruned))
), untagged AS (
    DELETE FROM task_tags WHERE ctid = ANY (ARRAY(
        SELECT entry.ctid FROM pruned
        CROSS JOIN LATERAL jsonb_array_elements_text(pruned.tags) AS tag(value)
        CROSS JOIN LATERAL (
            SELECT g.ctid FROM task_tags g
            WHERE g.tag = tag.value AND g.priority = pruned.priority AND g.task_id = pruned.task_id LIMIT 1
        ) AS entry
    ))
)
SELECT EXISTS (SELECT FROM clock) AS is_steady, (SELECT count(*) FROM examined) AS examined,
       (SELECT count(*) FROM pruned) AS tasks, (SELECT task_id FROM examined ORDER BY task_id DESC LIMIT 1) AS last
