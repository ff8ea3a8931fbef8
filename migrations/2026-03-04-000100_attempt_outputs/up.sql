-- The output of an attempt: the last one that it wrote, kept whatever its result. Only the owner of the attempt writes it, at most
-- 1 MiB; it is kept for the last 5 attempts of a task that wrote one.
-- The foreign key locks `tasks` against writes for milliseconds: the new table is empty.
CREATE TABLE attempt_outputs (
    task_id    uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    attempt    integer NOT NULL,
    output     jsonb NOT NULL CHECK (jsonb_typeof(output) = 'object'),
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (task_id, attempt)
);
