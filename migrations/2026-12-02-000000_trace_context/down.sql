-- Loses: the trace contexts of tasks; waiting and running tasks begin new traces
DELETE FROM schema_compatibility WHERE version = '20261202000000';
ALTER TABLE tasks DROP COLUMN tracestate, DROP COLUMN traceparent;
