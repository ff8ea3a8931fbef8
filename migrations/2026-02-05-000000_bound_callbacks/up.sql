-- Whom a call goes to: its host and port, so that one dead receiver does not keep the others waiting.
ALTER TABLE callbacks ADD host text COLLATE "C" NOT NULL
    GENERATED ALWAYS AS (coalesce(lower(substring(url FROM '^[A-Za-z]+://(?:[^/?#]*@)?([^/?#]*)')), '')) STORED;
CREATE INDEX callbacks_due_by_host ON callbacks (host, due_at) WHERE due_at IS NOT NULL;
DROP INDEX callbacks_due;
-- What is over is deleted after some days.
CREATE INDEX callbacks_over ON callbacks (coalesce(delivered_at, given_up_at)) WHERE due_at IS NULL;
