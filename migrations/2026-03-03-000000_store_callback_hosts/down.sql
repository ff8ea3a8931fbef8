-- Loses: nothing
CREATE OR REPLACE FUNCTION owe_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO callbacks (task_id, url) VALUES (NEW.task_id, NEW.callback_url) ON CONFLICT DO NOTHING;
    -- Sent once for each commit, however many tasks it ends.
    NOTIFY qtask_callbacks;
    RETURN NULL;
END
$$;
-- The index is dropped with the column. The table is locked while it is rewritten: the calls of the last 7 days.
ALTER TABLE callbacks DROP COLUMN host;
ALTER TABLE callbacks ADD host text COLLATE "C" NOT NULL
    GENERATED ALWAYS AS (coalesce(lower(substring(url FROM '^[A-Za-z]+://(?:[^/?#]*@)?([^/?#]*)')), '')) STORED;
CREATE INDEX callbacks_due_by_host ON callbacks (host, due_at) WHERE due_at IS NOT NULL;
ALTER TABLE tasks DROP COLUMN callback_host;
