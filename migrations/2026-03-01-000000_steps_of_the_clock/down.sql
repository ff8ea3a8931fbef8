-- Loses: the times that distinguish a step of the clock from time that has passed: times that a step left in the future stay
--   there
ALTER TABLE callbacks DROP COLUMN put_off_at;
ALTER TABLE tasks DROP COLUMN waits_since;
ALTER TABLE sweeps DROP COLUMN steady_since, DROP COLUMN latest_at;
