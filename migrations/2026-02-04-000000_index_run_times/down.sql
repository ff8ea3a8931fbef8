-- Loses: nothing
DROP INDEX tasks_last_completed;
