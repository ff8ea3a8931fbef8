-- Ends the PostgreSQL backends whose client has not read or written for $1 milliseconds within a transaction.
--
-- Only connections of this application and this role are ended. A listening connection shows its last statement, whatever
-- notifications it got since: this service sends a query over it every few seconds. Nothing is ended while the sweep row is
-- not recent, because the clock may have been set.
WITH frozen AS MATERIALIZED (
    SELECT a.pid, a.wait_event AS waited_for, left(a.query, 40) AS statement
    FROM sweeps, pg_stat_activity a
    WHERE sweeps.duty = 'reap' AND {{turn_is_recent}}
      AND a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()
      AND a.application_name = current_setting('application_name')
      AND a.wait_event_type = 'Client' AND a.xact_start IS NOT NULL
      AND greatest(a.xact_start, a.state_change, sweeps.steady_since)
          < clock_timestamp() - $1 * interval '1 millisecond'
)
SELECT pid, waited_for, statement FROM frozen WHERE pg_terminate_backend(pid)
