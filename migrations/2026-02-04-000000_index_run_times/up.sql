-- The last results of a backend, for the median run time. A task gets its entry once, when it is completed.
-- The migration builds the index; writes wait meanwhile: some seconds for a million tasks. If that is too long, run the statement
-- before the migration with CREATE INDEX CONCURRENTLY.
-- Deferrable: without the index, the median run time of a backend takes longer to find.
CREATE INDEX IF NOT EXISTS tasks_last_completed ON tasks (backend, completed_at) WHERE current_status = 'completed';
