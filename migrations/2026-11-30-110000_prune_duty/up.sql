-- The duty of deleting tasks that are older than the retention (QTASK_RETENTION).
-- Locks: nothing; a row of sweeps is added.
-- Deferrable: without the row, no process has the duty, and tasks are kept.
INSERT INTO sweeps (duty) VALUES ('prune') ON CONFLICT DO NOTHING;

INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261130110000', '20261130000000');
