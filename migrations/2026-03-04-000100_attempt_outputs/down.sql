DROP TABLE attempt_outputs;
