-- Loses: that circuits ran without shots; they have one shot afterwards
DELETE FROM schema_compatibility WHERE version = '20261202100000';
ALTER TABLE tasks DISABLE TRIGGER a_terminal_task_never_changes;
UPDATE tasks SET shots = 1 WHERE shots = 0;
ALTER TABLE tasks ENABLE TRIGGER a_terminal_task_never_changes;
ALTER TABLE tasks
    DROP CONSTRAINT shots_belong_to_circuits,
    ADD CONSTRAINT shots_belong_to_circuits
        CHECK ((circuit IS NULL) = (shots IS NULL) AND shots > 0);
