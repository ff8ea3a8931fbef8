-- Counts a failure of the environment of a worker, and begins or extends its quarantine. Binds: worker, session, reason,
-- number of failures in a row that begin a quarantine (0: never), first and longest backoff in milliseconds.
UPDATE workers
SET blamed_in_row = blamed_in_row + 1,
    quarantine_round = quarantine_round + {{begins_backoff}}::integer,
    quarantined_at = CASE WHEN {{begins_backoff}} THEN now() ELSE quarantined_at END,
    quarantine_ends_at = CASE WHEN {{begins_backoff}} THEN now() + least($5 * 2 ^ least(quarantine_round, 20), greatest($5, $6)) * interval '1 millisecond'
                              ELSE quarantine_ends_at END,
    quarantine_reason = CASE WHEN quarantined_at IS NOT NULL OR {{begins_backoff}} THEN (blamed_in_row + 1) || ' attempts in a row failed for its environment; the last: ' || $3 END
WHERE worker_id = $1 AND session_id = $2 AND ended_at IS NULL
RETURNING (extract(epoch FROM quarantine_ends_at - now()) * 1000)::bigint AS left_ms
