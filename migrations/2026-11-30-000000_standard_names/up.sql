-- The names that the field uses: a webhook is the call of a client's URL, a callback a function that a library calls. Only the
-- catalog changes; the tables are locked for milliseconds.
ALTER TABLE callbacks RENAME TO webhooks;
ALTER INDEX callbacks_pkey RENAME TO webhooks_pkey;
ALTER INDEX callbacks_due_by_host RENAME TO webhooks_due_by_host;
ALTER INDEX callbacks_over RENAME TO webhooks_over;
ALTER TABLE tasks RENAME callback_host TO webhook_host;
ALTER TABLE workers RENAME obstacle TO not_ready_reason;

DROP TRIGGER an_end_is_called_back ON tasks;
DROP FUNCTION owe_callback();
-- Inserts the webhook in the commit that ends the task, whichever process ends it: a crash afterwards cannot lose it.
CREATE FUNCTION insert_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A task that was submitted before the column existed has no host; the host is found when the webhook is taken.
    INSERT INTO webhooks (task_id, url, host) VALUES (NEW.task_id, NEW.callback_url, coalesce(NEW.webhook_host, ''))
    ON CONFLICT DO NOTHING;
    -- Sent once for each commit, however many tasks it ends.
    NOTIFY qtask_webhooks;
    RETURN NULL;
END
$$;
CREATE TRIGGER a_webhook_follows_the_end AFTER UPDATE OF completed_at ON tasks
    FOR EACH ROW WHEN (NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL AND NEW.callback_url IS NOT NULL)
    EXECUTE FUNCTION insert_webhook();
