-- The last results of a backend, to say how long its tasks run. A task gets its entry once, when it is completed.
-- It is built within the migration, which keeps writes waiting: some seconds for a million tasks. Where that is too
-- long, run the statement by hand before, with CREATE INDEX CONCURRENTLY.
CREATE INDEX IF NOT EXISTS tasks_last_completed ON tasks (backend, completed_at) WHERE current_status = 'completed';
