#!/bin/sh
# Lets a million tasks pass through a new database, and shows how large its tables and indexes become: tasks are submitted,
# claimed and completed by pgbench, and `qtask serve` deletes them by QTASK_RETENTION a minute after their end. Then it compares
# the rate of these lives with and without a retention that has a million old tasks to delete.
#
#   scripts/measure-growth.sh SERVER_URL [QTASK]      e.g. postgresql://postgres@localhost:5433/postgres target/release/qtask
#
# The server must have autovacuum; the database qtask_growth is created and dropped. It takes about 10 minutes.
set -eu
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"

server=${1:?"usage: scripts/measure-growth.sh SERVER_URL [QTASK]"}
qtask=${2:-target/release/qtask}
[ "$(psql -Atc 'SHOW autovacuum' "$server")" = on ] || die "autovacuum is off on this server"
DATABASE_URL=${server%/*}/qtask_growth
export DATABASE_URL

folder=$(mktemp -d)
serving=
finish() {
  [ -z "$serving" ] || kill "$serving" 2>/dev/null || true
  [ -z "$serving" ] || wait "$serving" || true
  psql -qc 'DROP DATABASE IF EXISTS qtask_growth WITH (FORCE)' "$server"
  rm -rf "$folder"
}
trap finish EXIT

sql() { psql -qAt -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }

psql -qc 'DROP DATABASE IF EXISTS qtask_growth WITH (FORCE)' -c 'CREATE DATABASE qtask_growth' "$server"
LOG_LEVEL=warn "$qtask" migrate >/dev/null

# A life has the row versions of the service's statements: a task is inserted, updated by the claim and by the settlement, and each
# of the three appends to the history. 100 tasks share each statement, as under load. Times are 59 minutes in the past: the
# shortest retention is an hour.
sql <<'SQL'
CREATE FUNCTION old_id(n bigint, at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text || n), 1, 3)
            || '8' || substr(md5(random()::text || n), 5, 15))::uuid
$$;
CREATE FUNCTION submit(count int, at timestamptz) RETURNS uuid[] LANGUAGE sql AS $$
    WITH created AS (
        INSERT INTO tasks (task_id, backend, circuit, shots, timeout_seconds, max_attempts, tags, correlation_id, submitted_at,
                           available_at, dispatched_at, queue_rank)
        SELECT old_id(n, at), 'simulator', repeat('OPENQASM 3; qubit q; h q; ', 10), 1000, 300, 3, '["night"]', 'c', at, at, at, at
        FROM generate_series(1, count) AS n RETURNING task_id, priority
    ), tagged AS (
        INSERT INTO task_tags (tag, priority, task_id) SELECT 'night', priority, task_id FROM created
    ), history AS (
        INSERT INTO status_history (task_id, status, transitioned_at, attempt) SELECT task_id, 'pending', at, 0 FROM created
    )
    SELECT array_agg(task_id) FROM created
$$;
CREATE FUNCTION claim(ids uuid[]) RETURNS void LANGUAGE sql AS $$
    WITH claimed AS (
        UPDATE tasks SET current_status = 'processing', attempt = 1, available_at = NULL, started_at = clock_timestamp(),
                         worker_id = 'w', last_worker_id = 'w', session_id = '00000000-0000-7000-8000-000000000001'
        WHERE task_id = ANY (ids) RETURNING task_id
    )
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id)
    SELECT task_id, 'processing', clock_timestamp(), 1, 'w' FROM claimed
$$;
CREATE FUNCTION complete(ids uuid[], at timestamptz) RETURNS void LANGUAGE sql AS $$
    WITH completed AS (
        UPDATE tasks SET current_status = 'completed', completed_at = at, worker_id = NULL, session_id = NULL,
                         result = '{"00": 512, "11": 488}', execution = '{"queued_ms": 3, "executed_ms": 12}'
        WHERE task_id = ANY (ids) RETURNING task_id
    ), logs AS (
        INSERT INTO task_logs (task_id, attempt, level, message) SELECT task_id, 1, 'info', 'run finished' FROM completed
    )
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id)
    SELECT task_id, 'completed', clock_timestamp(), 1, 'w' FROM completed
$$;
-- The session of the running tasks is alive, so that no sweep releases them.
INSERT INTO workers (worker_id, session_id, backends, lease_ms, last_heartbeat_at)
VALUES ('w', '00000000-0000-7000-8000-000000000001', '{simulator}', 3600000, clock_timestamp() + interval '30 minutes');
-- Of PostgreSQL alone: no service listens to so many notifications.
DROP TRIGGER moves_are_announced ON status_history;
DROP TRIGGER logs_are_announced ON task_logs;
SQL
cat >"$folder/life.sql" <<'SQL'
SELECT quote_literal(submit(100, clock_timestamp() - interval '59 minutes')::text) AS ids \gset
SELECT claim(:ids);
SELECT complete(:ids, clock_timestamp() - interval '59 minutes');
SQL

serve() {
  QTASK_RETENTION=${1-} QTASK_IDEMPOTENCY_WINDOW=1m LOG_LEVEL=info LOG_FORMAT=json HOST=127.0.0.1 PORT=0 \
    "$qtask" serve 2>>"$folder/log" &
  serving=$!
  sleep 3
  sql -c "UPDATE sweeps SET steady_since = steady_since - interval '3 hours' WHERE duty = 'reap';
          UPDATE sweeps SET last_run_at = last_run_at - interval '1 hour' WHERE duty = 'prune'"
}
stop() {
  kill "$serving"
  wait "$serving" || true
  serving=
}
# Lives of 100 tasks each, 2 at a time.
lives() { pgbench -n -f "$folder/life.sql" -c 2 -j 1 "$@" "$DATABASE_URL" 2>/dev/null | grep -E '^tps'; }

sizes() {
  echo "-- after $1 tasks: $(sql -c 'SELECT count(*) FROM tasks') tasks kept"
  sql -F ' ' -c "SELECT relname, pg_table_size(oid) >> 20, 'MiB, indexes', pg_indexes_size(oid) >> 20, 'MiB' FROM pg_class
                 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_table_size(oid) > 1000000 ORDER BY 2 DESC"
}

echo "-- a million tasks pass through"
serve 1h
passed=0
while [ "$passed" -lt 10000 ]; do
  # A steady rate of 2,500 tasks a second.
  lives -t 1250 -R 25
  passed=$((passed + 2500))
  sizes "$((passed * 100))"
done
stop
echo "slow statements of the retention: $(grep -c slow_statement "$folder/log" || true)"

echo "-- a first pass over a million old tasks: lives of 100 tasks per second, without and with a retention"
sql -c "TRUNCATE tasks, status_history, task_logs, task_tags CASCADE"
sql -c "SET session_replication_role = replica" -c "
WITH made AS (
    INSERT INTO tasks (task_id, backend, circuit, shots, timeout_seconds, max_attempts, attempt, tags, correlation_id, submitted_at,
                       completed_at, current_status, result, last_worker_id)
    SELECT old_id(n, at), 'simulator', repeat('OPENQASM 3; qubit q; h q; ', 10), 1000, 300, 3, 1, '[\"night\"]', 'c', at, at,
           'completed', '{\"00\": 512, \"11\": 488}', 'w'
    FROM (SELECT n, clock_timestamp() - interval '100 days' + n * interval '1 millisecond' AS at FROM generate_series(1, 1000000) AS n) AS times
    RETURNING task_id, priority, submitted_at
), tagged AS (
    INSERT INTO task_tags (tag, priority, task_id) SELECT 'night', priority, task_id FROM made
), logs AS (
    INSERT INTO task_logs (task_id, attempt, level, message) SELECT task_id, 1, 'info', 'run finished' FROM made
)
INSERT INTO status_history (task_id, status, transitioned_at, attempt)
SELECT task_id, status, submitted_at, 1 FROM made CROSS JOIN unnest('{pending,processing,completed}'::task_status[]) AS status"
sql -c "VACUUM ANALYZE" -c "CHECKPOINT"
serve
for _ in 1 2; do lives -T 30; done
stop
serve 90d
before=$(sql -c "SELECT count(*) FROM tasks WHERE submitted_at < now() - interval '50 days'")
for _ in 1 2; do lives -T 30; done
after=$(sql -c "SELECT count(*) FROM tasks WHERE submitted_at < now() - interval '50 days'")
echo "deleted in 60 s: $((before - after))"
echo "-- the retention alone"
began=$(date +%s)
while [ "$(sql -c "SELECT count(*) FROM (SELECT FROM tasks WHERE submitted_at < now() - interval '50 days' LIMIT 1) AS old")" = 1 ] &&
  [ "$(($(date +%s) - began))" -lt 120 ]; do sleep 2; done
left=$(sql -c "SELECT count(*) FROM tasks WHERE submitted_at < now() - interval '50 days'")
echo "deleted: $((after - left)) in $(($(date +%s) - began)) s"
stop
