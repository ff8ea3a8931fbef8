-- The receiver of a call by the URL parser of the service: an SQL expression parses some URLs differently.
-- Both tables are locked for a change of the catalog only; no row is read or written. The hosts of existing calls are compared with
-- their URLs when the calls are taken, and corrected before any call is made.
ALTER TABLE tasks ADD callback_host text COLLATE "C";
ALTER TABLE callbacks ALTER host DROP EXPRESSION, ALTER host SET DEFAULT '';

CREATE OR REPLACE FUNCTION owe_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A task that was submitted before the column existed has no host; the host is found when the call is taken.
    INSERT INTO callbacks (task_id, url, host) VALUES (NEW.task_id, NEW.callback_url, coalesce(NEW.callback_host, ''))
    ON CONFLICT DO NOTHING;
    -- Sent once for each commit, however many tasks it ends.
    NOTIFY qtask_callbacks;
    RETURN NULL;
END
$$;
