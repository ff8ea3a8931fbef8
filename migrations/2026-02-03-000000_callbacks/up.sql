-- One row for each task that has ended and has a callback URL.
CREATE TABLE callbacks (
    task_id      uuid PRIMARY KEY,
    -- The same for every delivery attempt, so that a receiver can recognise a repetition.
    delivery_id  uuid NOT NULL DEFAULT gen_random_uuid(),
    url          text NOT NULL,
    owed_since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The number of delivery attempts begun. An attempt writes its result under its number.
    attempts     integer NOT NULL DEFAULT 0,
    -- The time of the next delivery attempt. The process that takes the row postpones it by a lease: it is due again if that process
    -- crashes.
    due_at       timestamptz DEFAULT clock_timestamp(),
    delivered_at timestamptz,
    given_up_at  timestamptz,
    last_error   text,

    CONSTRAINT it_ends_in_one_way CHECK (num_nonnulls(due_at, delivered_at, given_up_at) = 1)
);
CREATE INDEX callbacks_due ON callbacks (due_at) WHERE due_at IS NOT NULL;

-- Inserts the row in the commit that ends the task, whichever process ends it: a crash afterwards cannot lose it.
CREATE FUNCTION owe_callback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO callbacks (task_id, url) VALUES (NEW.task_id, NEW.callback_url) ON CONFLICT DO NOTHING;
    -- Sent once for each commit, however many tasks it ends.
    NOTIFY qtask_callbacks;
    RETURN NULL;
END
$$;
CREATE TRIGGER an_end_is_called_back AFTER UPDATE OF completed_at ON tasks
    FOR EACH ROW WHEN (NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL AND NEW.callback_url IS NOT NULL)
    EXECUTE FUNCTION owe_callback();
