-- The receiver of a call: host and port, so that one dead receiver does not delay the others.
ALTER TABLE callbacks ADD host text COLLATE "C" NOT NULL
    GENERATED ALWAYS AS (coalesce(lower(substring(url FROM '^[A-Za-z]+://(?:[^/?#]*@)?([^/?#]*)')), '')) STORED;
CREATE INDEX callbacks_due_by_host ON callbacks (host, due_at) WHERE due_at IS NOT NULL;
DROP INDEX callbacks_due;
-- Finds the calls that are deleted some days after their end.
CREATE INDEX callbacks_over ON callbacks (coalesce(delivered_at, given_up_at)) WHERE due_at IS NULL;
