-- Loses: nothing
DROP INDEX callbacks_over;
CREATE INDEX callbacks_due ON callbacks (due_at) WHERE due_at IS NOT NULL;
ALTER TABLE callbacks DROP COLUMN host;
