-- The project of the token that submitted the task.
-- Locks: tasks, for milliseconds; no row is read or written.
ALTER TABLE tasks ADD project text NOT NULL DEFAULT 'default';

INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261201000100', '20261130100000');
