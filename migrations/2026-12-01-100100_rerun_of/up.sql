-- The task whose inputs this one has, if it is a rerun. An older executable neither reads nor writes it.
-- Locks: tasks, for milliseconds; no row is read or written.
ALTER TABLE tasks ADD rerun_of uuid;

INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261201100100', '20261130000000');
