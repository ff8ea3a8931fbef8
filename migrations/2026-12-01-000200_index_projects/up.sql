-- The list of a project's tasks, in the form of the other list indexes. Tasks of the project `default` have no entry, so that a
-- service without tokens does not pay for it; others have two, one at their submission and one at their end: running tasks are
-- found through tasks_running.
-- Locks: nothing; waits for transactions that began before it.
-- Deferrable: without the index, the list of a project reads the whole table.
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_project;
CREATE INDEX CONCURRENTLY tasks_by_project ON tasks (project, priority, task_id)
    WHERE project <> 'default' AND session_id IS NULL;
INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261201000200', '20261130100000')
ON CONFLICT DO NOTHING;
