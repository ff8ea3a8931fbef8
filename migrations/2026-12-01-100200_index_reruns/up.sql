-- Whether a task was rerun. The index has entries for reruns alone.
-- Locks: nothing; waits for transactions that began before it, and reads the table twice.
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_rerun_of;
CREATE INDEX CONCURRENTLY tasks_by_rerun_of ON tasks (rerun_of) WHERE rerun_of IS NOT NULL;
INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261201100200', '20261130000000')
ON CONFLICT DO NOTHING;
