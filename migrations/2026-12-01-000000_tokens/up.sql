-- Tokens of callers.
-- Locks: workers, for milliseconds; no row is read or written.

CREATE TABLE tokens (
    -- The part of the token that names it.
    token_id     text PRIMARY KEY CHECK (token_id ~ '^[0-9a-f]{12}$'),
    name         text NOT NULL,
    -- Two tokens of one name are valid at once, so that the second can replace the first without an interruption.
    slot         smallint CHECK (slot IN (1, 2)),
    -- SHA-256: the token itself is shown once and not stored.
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    scopes       text[] NOT NULL CHECK (cardinality(scopes) >= 1),
    -- The only backends that its workers may serve; all if NULL.
    backends     text[],
    project      text NOT NULL DEFAULT 'default',
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The name of the token that created it; NULL on a service without tokens.
    created_by   text,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    -- To the minute.
    last_used_at timestamptz,
    -- A revoked token has no slot. Nor has an expired one, once a token of its name is created.
    CONSTRAINT a_revoked_token_has_no_slot CHECK (revoked_at IS NULL OR slot IS NULL)
);
CREATE UNIQUE INDEX tokens_by_name ON tokens (name, slot) WHERE slot IS NOT NULL;
CREATE INDEX tokens_listed ON tokens (name, token_id);

-- The token of the request that began the session; NULL for `qtask work` and on a service without tokens.
ALTER TABLE workers ADD token_name text;

INSERT INTO schema_compatibility (version, serves_since) VALUES ('20261201000000', '20261130100000');
