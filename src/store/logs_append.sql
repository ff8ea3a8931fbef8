-- Appends log lines of an attempt and updates its progress. Binds: task, worker, session, attempt; arrays of times, levels,
-- messages, contexts and positions; progress.
--
-- The row of the task is locked: the lines of one task get their ids batch by batch, in order, and none is written after the
-- task was lost. A line with a time of its own is deduplicated by a unique index, because another statement may be writing
-- the same line at the same time.
WITH owner AS MATERIALIZED (
    SELECT task_id, attempt FROM tasks
    WHERE task_id = $1 AND worker_id = $2 AND session_id = $3 AND attempt = $4 AND current_status = 'processing'
    FOR UPDATE
), input AS (
    SELECT * FROM unnest($5, $6, $7, $8, $9) AS i(logged_at, level, message, context, ordinal)
), written AS (
    INSERT INTO task_logs (task_id, attempt, logged_at, level, message, context, timed)
    SELECT owner.task_id, owner.attempt, coalesce(i.logged_at, clock_timestamp()), i.level, i.message, i.context,
           i.logged_at IS NOT NULL
    FROM owner, input i
    ORDER BY i.ordinal
    ON CONFLICT (task_id, attempt, logged_at, md5(level || message)) WHERE timed DO NOTHING
), progressed AS (
    UPDATE tasks t SET progress = $10 FROM owner WHERE t.task_id = owner.task_id AND $10 IS NOT NULL
    RETURNING t.task_id
), notified AS (
    SELECT count(pg_notify('qtask_changed', replace(task_id::text, '-', ''))) AS listeners FROM progressed
)
SELECT EXISTS (SELECT FROM owner) AS owned, notified.listeners FROM notified
