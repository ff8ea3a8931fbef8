-- Loses: which backends are paused: their tasks are claimed
DELETE FROM schema_compatibility WHERE version = '20261201100000';
DROP FUNCTION pause_backend(text, text, text, integer);
DROP TABLE paused_backends;
