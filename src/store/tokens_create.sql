-- Creates a token; see `Store::create_token` for the binds.
--
-- A name has two slots, so that two concurrent statements cannot create a third valid token: the second of them conflicts and
-- creates nothing. An expired token gives up its slot here: the count of the UPDATE is read first, which completes the UPDATE.
-- Concurrent statements may exceed the number of valid tokens by their own number. Of revoked and expired tokens the last ones
-- are kept, as a record.
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), expired AS (
    UPDATE tokens SET slot = NULL FROM clock WHERE slot IS NOT NULL AND name = $2 AND expires_at <= now
    RETURNING token_id
), valid AS MATERIALIZED (
    SELECT count(*) AS tokens, array_agg(slot) FILTER (WHERE name = $2) AS slots
    FROM tokens, clock WHERE slot IS NOT NULL AND (expires_at IS NULL OR expires_at > now)
), free AS MATERIALIZED (
    SELECT min(slot) AS slot FROM unnest('{1,2}'::smallint[]) AS slot, valid WHERE slot <> ALL (coalesce(slots, '{}'))
), evicted AS (
    DELETE FROM tokens WHERE token_id IN (
        SELECT token_id FROM tokens, clock WHERE revoked_at IS NOT NULL OR expires_at <= now
        ORDER BY coalesce(revoked_at, expires_at) DESC, token_id OFFSET $10
    )
), created AS (
    INSERT INTO tokens (token_id, name, slot, digest, scopes, backends, project, created_at, created_by, expires_at)
    SELECT $1, $2, free.slot, $3, $4, $5, $6, now, $7, now + $8 * interval '1 second'
    FROM free, valid, clock, (SELECT count(*) FROM expired) AS freed
    WHERE free.slot IS NOT NULL AND valid.tokens < $9
    ON CONFLICT DO NOTHING
    RETURNING token_id, created_at, expires_at
), notified AS (
    SELECT count(pg_notify('qtask_tokens', token_id)) AS tokens FROM created
)
SELECT valid.tokens >= $9 AS is_full, free.slot IS NULL AS is_name_taken, created.created_at, created.expires_at,
       notified.tokens AS notified
FROM valid CROSS JOIN free CROSS JOIN notified LEFT JOIN created ON true
