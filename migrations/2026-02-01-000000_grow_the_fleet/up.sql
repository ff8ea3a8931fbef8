ALTER TABLE tasks
    ADD name           text,
    ADD tags           jsonb NOT NULL DEFAULT '[]',
    ADD callback_url   text,
    ADD progress       jsonb,
    -- The worker of the last attempt; worker_id is the owner, and NULL while the task has none.
    ADD last_worker_id text,
    -- The order of the queue: the time of submission, minus one aging interval for each level of priority. It never changes, so
    -- that a task which has waited for long enough is claimed before any newer one, whatever their priorities.
    ADD queue_rank     timestamptz;
UPDATE tasks SET queue_rank = submitted_at - priority * interval '10 minutes' WHERE completed_at IS NULL;
ALTER TABLE tasks
    ALTER queue_rank SET DEFAULT clock_timestamp(),
    ADD CONSTRAINT what_waits_has_a_place_in_line CHECK (available_at IS NULL OR queue_rank IS NOT NULL),
    ADD CONSTRAINT tags_are_a_list CHECK (jsonb_typeof(tags) = 'array');

DROP INDEX tasks_claimable;
CREATE INDEX tasks_claimable ON tasks (backend, queue_rank, task_id) WHERE available_at IS NOT NULL;

-- A table of their own: a key expires after a day, and a terminal task never changes.
CREATE TABLE idempotency_keys (
    key                 text PRIMARY KEY,
    request_fingerprint uuid NOT NULL,
    -- In the order of the request.
    task_ids            uuid[] NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
INSERT INTO idempotency_keys (key, request_fingerprint, task_ids, created_at)
SELECT idempotency_key, coalesce(request_fingerprint, task_id), ARRAY[task_id], submitted_at
FROM tasks WHERE idempotency_key IS NOT NULL;
DROP INDEX tasks_idempotency_key;
ALTER TABLE tasks DROP COLUMN request_fingerprint;

ALTER TABLE workers
    -- Set while the worker drains: it finishes its tasks and takes no more.
    ADD draining_since timestamptz,
    -- Why the worker takes no tasks now, as reported by the worker.
    ADD obstacle       text,
    -- The time that the worker needs to stop a task in order; until then the task is not taken from it.
    ADD stop_grace_ms  integer NOT NULL DEFAULT 0 CHECK (stop_grace_ms >= 0);

-- A line with a time of its own is stored once, however often its worker repeats it.
ALTER TABLE task_logs ADD timed boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX task_logs_once ON task_logs (task_id, attempt, logged_at, md5(level || message)) WHERE timed;

-- Notifies of changed tasks: up to 240 ids in one notification, which may have 8,000 bytes.
CREATE FUNCTION announce_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('qtask_changed', string_agg(replace(task_id::text, '-', ''), ''))
    FROM (SELECT task_id, (row_number() OVER () - 1) / 240 AS part FROM (SELECT DISTINCT task_id FROM changes) AS changed)
        AS parts
    GROUP BY part;
    RETURN NULL;
END
$$;
CREATE TRIGGER moves_are_announced AFTER INSERT ON status_history REFERENCING NEW TABLE AS changes
    FOR EACH STATEMENT EXECUTE FUNCTION announce_changes();
CREATE TRIGGER logs_are_announced AFTER INSERT ON task_logs REFERENCING NEW TABLE AS changes
    FOR EACH STATEMENT EXECUTE FUNCTION announce_changes();
