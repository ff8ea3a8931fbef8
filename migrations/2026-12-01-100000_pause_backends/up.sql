-- The backends whose tasks are not claimed at present. An older executable works with the schema, and claims regardless of pauses.
-- Locks: nothing; the table is new.
CREATE TABLE paused_backends (
    backend   text PRIMARY KEY CHECK (backend <> ''),
    paused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason    text,
    -- Who paused it, if the request names somebody.
    paused_by text
);

-- Pauses a backend; at most `most` of them. Returns false if there are so many others. A repetition keeps the time, and replaces
-- the reason if it has one.
--
-- Every claim holds the lock ROW SHARE on this table until its commit, and takes it before its snapshot. With the lock EXCLUSIVE,
-- this function waits for the claims that have begun, and later ones see the row. The lock is taken first: a later statement of
-- the function has a snapshot of its own. A claim that hangs delays the others no longer than lock_timeout.
CREATE FUNCTION pause_backend(name text, why text, who text, most integer) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
BEGIN
    LOCK TABLE paused_backends IN EXCLUSIVE MODE;
    IF (SELECT count(*) FROM paused_backends WHERE backend <> name) >= most THEN
        RETURN false;
    END IF;
    INSERT INTO paused_backends AS p (backend, reason, paused_by) VALUES (name, why, who)
    ON CONFLICT (backend) DO UPDATE SET reason = coalesce(why, p.reason), paused_by = coalesce(who, p.paused_by);
    RETURN true;
END
$$;

INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261201100000', '20261130000000');
