-- Replaces the output of an attempt. Binds: task, worker, session, attempt, output, how many attempts keep their output.
--
-- The row of the task is locked: nothing is written after the task was lost.
WITH owner AS MATERIALIZED (
    SELECT task_id, attempt FROM tasks
    WHERE task_id = $1 AND worker_id = $2 AND session_id = $3 AND attempt = $4 AND current_status = 'processing'
    FOR UPDATE
), written AS (
    INSERT INTO attempt_outputs (task_id, attempt, output) SELECT task_id, attempt, $5 FROM owner
    ON CONFLICT (task_id, attempt) DO UPDATE SET output = excluded.output, written_at = excluded.written_at
), surplus AS (
    DELETE FROM attempt_outputs WHERE (task_id, attempt) IN (
        SELECT o.task_id, o.attempt FROM attempt_outputs o JOIN owner USING (task_id)
        WHERE o.attempt < owner.attempt ORDER BY o.attempt DESC OFFSET $6 - 1
    )
)
SELECT EXISTS (SELECT FROM owner) AS owned
