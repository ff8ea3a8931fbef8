-- Loses: names, tags, callback URLs, progress, and the last worker of each task; the order of the queue: waiting tasks are claimed
--   by priority and then age; which workers drain; keys of batches: repeating such a request creates its tasks again
DROP TRIGGER logs_are_announced ON task_logs;
DROP TRIGGER moves_are_announced ON status_history;
DROP FUNCTION announce_changes();
DROP INDEX task_logs_once;
ALTER TABLE task_logs DROP COLUMN timed;
ALTER TABLE workers DROP COLUMN draining_since, DROP COLUMN obstacle, DROP COLUMN stop_grace_ms;
ALTER TABLE tasks ADD request_fingerprint uuid;
ALTER TABLE tasks DISABLE TRIGGER a_terminal_task_never_changes;
-- A key that was used again after it expired belongs to several tasks: the newest keeps it.
UPDATE tasks t SET idempotency_key = NULL
WHERE idempotency_key IS NOT NULL
  AND NOT EXISTS (SELECT FROM idempotency_keys k WHERE k.key = t.idempotency_key AND k.task_ids[1] = t.task_id);
UPDATE tasks t SET request_fingerprint = k.request_fingerprint
FROM idempotency_keys k WHERE k.key = t.idempotency_key;
ALTER TABLE tasks ENABLE TRIGGER a_terminal_task_never_changes;
CREATE UNIQUE INDEX tasks_idempotency_key ON tasks (idempotency_key) WHERE idempotency_key IS NOT NULL;
DROP TABLE idempotency_keys;
DROP INDEX tasks_claimable;
ALTER TABLE tasks
    DROP COLUMN name, DROP COLUMN tags, DROP COLUMN callback_url, DROP COLUMN progress, DROP COLUMN last_worker_id,
    DROP COLUMN queue_rank;
CREATE INDEX tasks_claimable ON tasks (backend, priority DESC, task_id) WHERE available_at IS NOT NULL;
