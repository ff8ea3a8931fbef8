-- Loses: the projects of tasks
DELETE FROM schema_compatibility WHERE version = '20261201000100';
ALTER TABLE tasks DROP project;
