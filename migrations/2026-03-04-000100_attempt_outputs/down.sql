-- Loses: the outputs of attempts
DROP TABLE attempt_outputs;
