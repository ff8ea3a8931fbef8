-- Deletes all of the tasks $1, or none if a worker has claimed one of them.
--
-- The rows are locked first, in the order in which claims lock them, and then counted.
WITH untouched AS MATERIALIZED (
    SELECT task_id FROM tasks
    WHERE task_id = ANY ($1) AND current_status = 'pending' AND attempt = 0
    ORDER BY task_id FOR UPDATE
), withdrawn AS (
    DELETE FROM tasks
    WHERE task_id IN (SELECT task_id FROM untouched) AND (SELECT count(*) FROM untouched) = cardinality($1)
    RETURNING task_id, tags, priority
), history AS (
    DELETE FROM status_history WHERE task_id IN (SELECT task_id FROM withdrawn)
), untagged AS (
    DELETE FROM task_tags g USING withdrawn w, jsonb_array_elements_text(w.tags) AS tag
    WHERE (g.tag, g.priority, g.task_id) = (tag, w.priority, w.task_id)
)
SELECT EXISTS (SELECT FROM withdrawn) AS withdrawn
