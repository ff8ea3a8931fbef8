-- Subquery with one row: the history entries of a task with ids greater than {{after}}, oldest first, one array for each
-- column. {{condition}} turns it off.
(SELECT coalesce(array_agg(id), '{}') AS history_ids,
        coalesce(array_agg(status::text), '{}') AS history_statuses,
        coalesce(array_agg(transitioned_at), '{}') AS history_times,
        coalesce(array_agg(attempt), '{}') AS history_attempts,
        coalesce(array_agg(worker_id), '{}') AS history_workers,
        coalesce(array_agg(notes), '{}') AS history_notes
 FROM (SELECT * FROM status_history WHERE task_id = {{task}} AND id > {{after}} AND {{condition}} ORDER BY id) AS entry)
