-- What an attempt has produced so far; the latest word counts, and it stays however the attempt ends. Written by the
-- owner of the attempt alone, at most 1 MiB, and kept for the last 5 attempts of a task that wrote one.
-- The foreign key locks `tasks` against writes for milliseconds: the new table is empty.
CREATE TABLE attempt_outputs (
    task_id    uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    attempt    integer NOT NULL,
    output     jsonb NOT NULL CHECK (jsonb_typeof(output) = 'object'),
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (task_id, attempt)
);
