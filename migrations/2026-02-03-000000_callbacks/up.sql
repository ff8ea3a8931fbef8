-- One row for each call that is owed, or was made, because a task has ended.
CREATE TABLE callbacks (
    task_id      uuid PRIMARY KEY,
    -- The same at every try, so that a receiver knows what it has had before.
    delivery_id  uuid NOT NULL DEFAULT gen_random_uuid(),
    url          text NOT NULL,
    owed_since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Tries begun. Each one names its number when it writes what came of it.
    attempts     integer NOT NULL DEFAULT 0,
    -- The next try. Whoever takes it puts it off by a lease, so that it comes back if he dies.
    due_at       timestamptz DEFAULT clock_timestamp(),
    delivered_at timestamptz,
    given_up_at  timestamptz,
    last_error   text,

    CONSTRAINT it_ends_in_one_way CHECK (num_nonnulls(due_at, delivered_at, given_up_at) = 1)
);
CREATE INDEX callbacks_due ON callbacks (due_at) WHERE due_at IS NOT NULL;

-- In the commit that ends the task, whoever ends it: nothing that dies afterwards can forget the call.
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
