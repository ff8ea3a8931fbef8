-- Loses: of which task another is a rerun
DELETE FROM schema_compatibility WHERE version = '20261201100100';
ALTER TABLE tasks DROP COLUMN rerun_of;
