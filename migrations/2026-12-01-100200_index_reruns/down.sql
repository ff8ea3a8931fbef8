-- Loses: nothing
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_rerun_of;
DELETE FROM schema_compatibility WHERE version = '20261201100200';
