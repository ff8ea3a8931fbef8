-- Loses: nothing
DROP TRIGGER a_webhook_follows_the_end ON tasks;
DROP FUNCTION insert_webhook();
ALTER TABLE workers RENAME not_ready_reason TO obstacle;
ALTER TABLE tasks RENAME webhook_host TO callback_host;
ALTER INDEX webhooks_over RENAME TO callbacks_over;
ALTER INDEX webhooks_due_by_host RENAME TO callbacks_due_by_host;
ALTER INDEX webhooks_pkey RENAME TO callbacks_pkey;
ALTER TABLE webhooks RENAME TO callbacks;

CREATE FUNCTION owe_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A task that was submitted before the column existed has no host; the host is found when the call is taken.
    INSERT INTO callbacks (task_id, url, host) VALUES (NEW.task_id, NEW.callback_url, coalesce(NEW.callback_host, ''))
    ON CONFLICT DO NOTHING;
    -- Sent once for each commit, however many tasks it ends.
    NOTIFY qtask_callbacks;
    RETURN NULL;
END
$$;
CREATE TRIGGER an_end_is_called_back AFTER UPDATE OF completed_at ON tasks
    FOR EACH ROW WHEN (NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL AND NEW.callback_url IS NOT NULL)
    EXECUTE FUNCTION owe_callback();
