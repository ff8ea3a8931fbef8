-- Loses: everything
DROP TABLE sweeps;
DROP TABLE task_logs;
DROP TABLE workers;
DROP TABLE status_history;
DROP TABLE tasks;
DROP FUNCTION refuse_change();
DROP TYPE task_status;
