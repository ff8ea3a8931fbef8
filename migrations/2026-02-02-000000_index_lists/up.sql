-- Every list index ends in (priority, task_id): read as it is, it yields a page ordered by priority; read as eleven ranges, one
-- for each priority, a page ordered by submission. Each statement that moves a task adds an entry to every index whose predicate
-- holds for the new version: these predicates hold for one version of a task, or for few tasks.
--
-- The migration builds the indexes; submissions and claims wait meanwhile: about 20 s for a million tasks on a busy machine. If that
-- is too long, run the statements before the migration with CREATE INDEX CONCURRENTLY; IF NOT EXISTS then skips them.

-- Running tasks are found through tasks_running.
CREATE INDEX IF NOT EXISTS tasks_by_status ON tasks (current_status, priority, task_id) WHERE session_id IS NULL;
CREATE INDEX IF NOT EXISTS tasks_by_worker ON tasks (last_worker_id, priority, task_id)
    WHERE last_worker_id IS NOT NULL AND session_id IS NULL;
-- Tasks of the built-in backends take microseconds: the index would slow them down the most, and they need it the least.
CREATE INDEX IF NOT EXISTS tasks_by_backend ON tasks (backend, priority, task_id) WHERE backend NOT IN ('simulator', 'mock');
CREATE INDEX IF NOT EXISTS tasks_by_name ON tasks (name, priority, task_id) WHERE name IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_by_problem ON tasks (problem_id, priority, task_id) WHERE problem_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS problem_tasks ON tasks (priority, task_id) WHERE problem_id IS NOT NULL;

-- A GIN index on tasks.tags would get an entry for each tag at each transition, and cannot be read in order.
CREATE TABLE task_tags (
    tag      text NOT NULL,
    priority smallint NOT NULL,
    task_id  uuid NOT NULL,
    PRIMARY KEY (tag, priority, task_id)
);
INSERT INTO task_tags (tag, priority, task_id)
SELECT DISTINCT tag, priority, task_id FROM tasks CROSS JOIN LATERAL jsonb_array_elements_text(tags) AS tag
WHERE tags <> '[]';
-- Running tasks that were claimed before the column existed.
UPDATE tasks SET last_worker_id = worker_id WHERE session_id IS NOT NULL AND last_worker_id IS NULL;
