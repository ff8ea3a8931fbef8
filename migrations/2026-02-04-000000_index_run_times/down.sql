DROP INDEX tasks_last_completed;
