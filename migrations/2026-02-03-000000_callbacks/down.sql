-- Loses: calls that were not made yet, also if the version is applied again
DROP TRIGGER an_end_is_called_back ON tasks;
DROP FUNCTION owe_callback();
DROP TABLE callbacks;
