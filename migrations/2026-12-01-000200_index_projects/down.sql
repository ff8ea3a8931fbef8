-- Loses: nothing; lists of a project read the whole table again
DROP INDEX CONCURRENTLY IF EXISTS tasks_by_project;
DELETE FROM schema_compatibility WHERE version = '20261201000200';
