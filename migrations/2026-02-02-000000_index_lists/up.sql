-- Every list index ends in (priority, task_id): it gives a page in order of priority as it is, and in order of
-- submission as the merge of eleven ranges, one for each priority. Each statement that moves a task adds an entry to every
-- index whose predicate holds for the new version, so these hold for one version of a task, or for few tasks.
--
-- They are built within the migration, which keeps submissions and claims waiting: some 20 s for a million tasks on a busy machine. Where
-- that is too long, run the index statements by hand before, with CREATE INDEX CONCURRENTLY; IF NOT EXISTS then
-- leaves them as they are.

-- What runs is found through tasks_running.
CREATE INDEX IF NOT EXISTS tasks_by_status ON tasks (current_status, priority, task_id) WHERE session_id IS NULL;
CREATE INDEX IF NOT EXISTS tasks_by_worker ON tasks (last_worker_id, priority, task_id)
    WHERE last_worker_id IS NOT NULL AND session_id IS NULL;
-- The built-in backends take microseconds, and would pay the most for an index that they need the least.
CREATE INDEX IF NOT EXISTS tasks_by_backend ON tasks (backend, priority, task_id) WHERE backend NOT IN ('simulator', 'mock');
CREATE INDEX IF NOT EXISTS tasks_by_name ON tasks (name, priority, task_id) WHERE name IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_by_problem ON tasks (problem_id, priority, task_id) WHERE problem_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS problem_tasks ON tasks (priority, task_id) WHERE problem_id IS NOT NULL;

-- A GIN index on tasks.tags would get an entry for each tag at each move, and could not be read in order.
CREATE TABLE task_tags (
    tag      text NOT NULL,
    priority smallint NOT NULL,
    task_id  uuid NOT NULL,
    PRIMARY KEY (tag, priority, task_id)
);
INSERT INTO task_tags (tag, priority, task_id)
SELECT DISTINCT tag, priority, task_id FROM tasks CROSS JOIN LATERAL jsonb_array_elements_text(tags) AS tag
WHERE tags <> '[]';
-- Who claimed before that column existed and still runs.
UPDATE tasks SET last_worker_id = worker_id WHERE session_id IS NOT NULL AND last_worker_id IS NULL;
