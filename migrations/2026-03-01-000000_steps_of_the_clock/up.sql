-- Distinguishes a step of the clock from time that has passed. Times that a step left in the future are recognised by the time at
-- which they were written, which is in the future, too.
--
-- Only the three rows of sweeps are rewritten; each statement locks its table for milliseconds.
ALTER TABLE sweeps
    -- Since when the clock has run steadily, also through pauses of the sweep.
    ADD steady_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The latest time read so far; ahead of the clock after it was set back, until all times in the future are repaired.
    ADD latest_at    timestamptz NOT NULL DEFAULT clock_timestamp();
-- When the wait for the next attempt began; NULL for a pending task, which waits since its submission.
ALTER TABLE tasks ADD waits_since timestamptz;
-- When due_at was written last; its first value is written with owed_since.
ALTER TABLE callbacks ADD put_off_at timestamptz;
