-- Makes up to $1 tasks claimable whose times a clock step left in the future.
--
-- The order of the queue is kept: tasks with a submission time in the future get ranks just after the time at which the step
-- was noticed, in the order of their submission. dispatched_at is cleared: a worker drops the message of a task that is not
-- due, so the message may be gone.
WITH future AS (
    SELECT task_id FROM tasks
    WHERE available_at > clock_timestamp() AND coalesce(waits_since, submitted_at) > clock_timestamp()
    LIMIT $1 FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE tasks t
    SET available_at = clock_timestamp(), waits_since = clock_timestamp(), dispatched_at = NULL,
        queue_rank = CASE WHEN t.submitted_at > clock_timestamp()
            THEN t.queue_rank - (t.submitted_at - sweeps.steady_since)
                 - 0.0001 * greatest(sweeps.latest_at - t.submitted_at, interval '0')
            ELSE t.queue_rank END
    FROM future, sweeps WHERE t.task_id = future.task_id AND t.available_at IS NOT NULL AND sweeps.duty = 'reap'
    RETURNING t.backend
), notified AS (
    SELECT count(pg_notify('qtask_ready', backend)) AS backends FROM (SELECT DISTINCT backend FROM moved) AS ready
)
SELECT (SELECT count(*) FROM moved) AS moved, notified.backends FROM notified
