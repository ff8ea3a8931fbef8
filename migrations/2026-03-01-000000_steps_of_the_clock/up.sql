-- What tells a step of the clock from time that has passed. Times left in the future by a clock that was set back are
-- known by the time of their writing, which then lies in the future as well.
--
-- Nothing is rewritten but the three rows of sweeps: each statement locks its table for an instant.
ALTER TABLE sweeps
    -- Since when the clock has gone on evenly, whether or not anybody swept meanwhile.
    ADD steady_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The latest time that was ever seen; ahead of the clock when that was set back, until its traces are removed.
    ADD latest_at    timestamptz NOT NULL DEFAULT clock_timestamp();
-- When the wait for the next attempt began; that of a pending task begins with its submission.
ALTER TABLE tasks ADD waits_since timestamptz;
-- When due_at was written; the first one is written with owed_since.
ALTER TABLE callbacks ADD put_off_at timestamptz;
