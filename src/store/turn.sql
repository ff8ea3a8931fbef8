-- Acquires a duty of the sweep if no process did within the interval. Binds: duty, interval and shortest pause in
-- milliseconds, whether this process has read the clock before.
--
-- A pause in reaping means that the database, or every process, was down: workers could not renew their leases meanwhile. As
-- long as the pause is shorter than half of the shortest lease, a worker that renews in time has not missed its lease. A clock
-- that was set back counts as a pause: otherwise no process would sweep until the clock has caught up. A process that ran before
-- the pause compares the database's clock with its own afterwards; for a process that did not, the clock may have been set.
WITH pause AS (
    SELECT greatest($3, (SELECT min(lease_ms) FROM workers WHERE ended_at IS NULL) / 2)
           * interval '1 millisecond' AS length
), taken AS (
    UPDATE sweeps
    SET last_run_at = clock_timestamp(),
        unbroken_since = CASE WHEN last_run_at BETWEEN clock_timestamp() - pause.length
                                                   AND clock_timestamp() + pause.length
                              THEN unbroken_since ELSE clock_timestamp() END,
        steady_since = CASE WHEN $4 OR last_run_at BETWEEN clock_timestamp() - pause.length
                                                       AND clock_timestamp() + pause.length
                            THEN steady_since ELSE clock_timestamp() END,
        latest_at = greatest(latest_at, clock_timestamp())
    FROM pause
    WHERE duty = $1
      AND (last_run_at < clock_timestamp() - $2 * interval '1 millisecond'
           OR last_run_at > clock_timestamp() + pause.length)
    RETURNING latest_at > clock_timestamp() AS set_back
)
SELECT EXISTS (SELECT FROM taken) AS mine, EXISTS (SELECT FROM taken WHERE set_back) AS set_back,
       clock_timestamp() AS now
