-- Begins a session of a worker; see `Store::register` for the binds. The tasks of a replaced session have no living session
-- from here on: the sweep releases them as orphans.
--
-- A living session is replaced only if that is asked for, and with a token only by one of the same name: not that of `qtask work`.
--
-- Rows are counted only for a new name. In a full registry the sessions that ended first are evicted, one for each name above
-- the limit; concurrent registrations do not see each other and may exceed the limit by their number. A row is evaluated again
-- once it is locked: a worker that has just registered again is not evicted.
WITH known AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM workers WHERE worker_id = $1) AS known
), registry AS MATERIALIZED (
    SELECT known, CASE WHEN known THEN 0 ELSE (SELECT count(*) FROM workers) END AS names FROM known
), evicted AS (
    DELETE FROM workers WHERE worker_id IN (
        SELECT w.worker_id FROM workers w
        WHERE w.ended_at IS NOT NULL AND (SELECT names >= $10 FROM registry)
          AND NOT EXISTS (SELECT FROM tasks t WHERE t.session_id = w.session_id)
        ORDER BY w.ended_at, w.worker_id LIMIT (SELECT greatest(names - $10 + 1, 0) FROM registry)
        FOR UPDATE SKIP LOCKED
    )
    RETURNING worker_id
), admitted AS MATERIALIZED (
    SELECT known OR names - (SELECT count(*) FROM evicted) < $10 AS admitted FROM registry
), written AS (
    INSERT INTO workers AS w (worker_id, session_id, backends, capabilities, metadata, lease_ms, stop_grace_ms, problems,
                              tasks_completed, tasks_failed, token_name)
    SELECT $1, $2, $3, $4, $5, $6, $8, $11, $12, $13, $14 FROM admitted WHERE admitted
    ON CONFLICT (worker_id) DO UPDATE
    SET session_id = excluded.session_id, backends = excluded.backends, capabilities = excluded.capabilities,
        metadata = excluded.metadata, lease_ms = excluded.lease_ms, stop_grace_ms = excluded.stop_grace_ms,
        registered_at = clock_timestamp(), last_heartbeat_at = clock_timestamp(), ended_at = NULL, not_ready_reason = NULL,
        problems = excluded.problems, token_name = excluded.token_name,
        draining_since = CASE WHEN w.session_id = ANY ($9) THEN w.draining_since END,
        blamed_in_row = CASE WHEN w.session_id = ANY ($9) THEN w.blamed_in_row ELSE 0 END,
        quarantined_at = CASE WHEN w.session_id = ANY ($9) THEN w.quarantined_at END,
        quarantine_ends_at = CASE WHEN w.session_id = ANY ($9) THEN w.quarantine_ends_at END,
        quarantine_reason = CASE WHEN w.session_id = ANY ($9) THEN w.quarantine_reason END,
        quarantine_round = CASE WHEN w.session_id = ANY ($9) THEN w.quarantine_round ELSE 0 END,
        tasks_completed = greatest(CASE WHEN w.session_id = ANY ($9) THEN w.tasks_completed ELSE 0 END, excluded.tasks_completed),
        tasks_failed = greatest(CASE WHEN w.session_id = ANY ($9) THEN w.tasks_failed ELSE 0 END, excluded.tasks_failed)
    WHERE ($7 AND ($14 IS NULL OR $14 = w.token_name)) OR w.session_id = ANY ($9) OR w.ended_at IS NOT NULL OR EXISTS (SELECT FROM sweeps WHERE sweeps.duty = 'reap' AND {{is_silent}})
    RETURNING w.draining_since IS NOT NULL AS draining
)
SELECT admitted, (SELECT draining FROM written) AS draining FROM admitted
