# shellcheck shell=bash
# Sourced by scripts/test, after packages.sh: finds or starts the PostgreSQL and RabbitMQ that the tests use.
#
#   services_up     exports DATABASE_URL, RABBITMQ_URL, TMPDIR, QTASK_TEST_POSTGRES_BIN and QTASK_TEST_RABBITMQ_BIN
#   services_down   stops what services_up started and removes its directory; safe to call twice

services_dir=
services_epmd=
services_rabbit=
services_template_url=
# The variable that names PostgreSQL's directory for the tests.
# shellcheck disable=SC2034 # packages.sh reads it
postgres_setting=QTASK_TEST_POSTGRES_BIN

services_up() {
  find_binaries
  make_services_dir
  local pg_port=${QTASK_TEST_PG_PORT:-5432} rabbit_port=${QTASK_TEST_RABBITMQ_PORT:-5672}
  local pg_url=${DATABASE_URL:-postgres://postgres:postgres@127.0.0.1:$pg_port/postgres}
  local rabbit_url=${RABBITMQ_URL:-amqp://guest:guest@127.0.0.1:$rabbit_port/%2f}

  if postgres_answers "$pg_url"; then
    export DATABASE_URL=$pg_url
    services_template_url=$pg_url
  else
    say "no usable PostgreSQL at ${pg_url##*@}; starting a private one"
    start_postgres
  fi
  if rabbitmq_answers "$rabbit_url"; then
    export RABBITMQ_URL=$rabbit_url
  else
    say "no RabbitMQ at ${rabbit_url##*@}; starting a private one"
    start_rabbitmq
  fi
}

services_down() {
  if [ -n "$services_template_url" ]; then
    drop_templates "$services_template_url"
    services_template_url=
  fi
  if [ -n "$services_rabbit" ]; then
    kill -TERM "$services_rabbit" 2>/dev/null
    # A shutdown takes seconds and its disk contents are not needed: SIGKILL after 5 seconds.
    local left=50
    while [ "$left" -gt 0 ] && kill -0 "$services_rabbit" 2>/dev/null; do
      sleep 0.1
      left=$((left - 1))
    done
    kill -KILL "$services_rabbit" 2>/dev/null
    services_rabbit=
  fi
  if [ -n "$services_epmd" ]; then
    kill -KILL "$services_epmd" 2>/dev/null
    services_epmd=
  fi
  if [ -n "$services_dir" ]; then
    if [ -s "$services_dir/postgres/data/postmaster.pid" ]; then
      as_postgres "$QTASK_TEST_POSTGRES_BIN/pg_ctl" -D "$services_dir/postgres/data" -m immediate stop >/dev/null 2>&1
    fi
    rm -rf "$services_dir"
    services_dir=
  fi
}

# --- the executables ---------------------------------------------------------------------------------------------

# Tests start private nodes and kill them, so the executables are needed even if services already run.
find_binaries() {
  # The tests of examples/ are written in Python. Without Chromium, the tests with web pages are listed as skipped.
  local browser=
  ! is_installable chromium || browser=chromium
  # shellcheck disable=SC2086 # none or one need
  require postgres rabbitmq python3 $browser
  QTASK_TEST_POSTGRES_BIN=$(locate_postgres)
  QTASK_TEST_RABBITMQ_BIN=$(locate_rabbitmq)
  export QTASK_TEST_POSTGRES_BIN QTASK_TEST_RABBITMQ_BIN
  command -v epmd >/dev/null || die "epmd is not on the PATH; it comes with Erlang, which RabbitMQ needs"
}

# --- running services --------------------------------------------------------------------------------------------

postgres_answers() {
  local answer
  if command -v psql >/dev/null; then
    answer=$(PGCONNECT_TIMEOUT=3 psql -w -XAtqc \
      'SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user' "$1" 2>/dev/null) || return 1
    [ "$answer" = t ]
  else
    port_open "$1" 5432
  fi
}

# A broker answers the protocol header with a frame of type 1 (a method, connection.start).
rabbitmq_answers() {
  local host port frame
  read -r host port < <(host_and_port "$1" 5672)
  # shellcheck disable=SC2016 # the inner shell expands its own arguments
  frame=$(limited 3 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "AMQP\0\0\11\1" >&3 && head -c 1 <&3 | od -An -tu1' \
    "$host" "$port" 2>/dev/null) || return 1
  [ "$(printf '%s' "$frame" | tr -d ' ')" = 1 ]
}

port_open() {
  local host port
  read -r host port < <(host_and_port "$1" "$2")
  # shellcheck disable=SC2016 # the inner shell expands its own arguments
  limited 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null
}

# Prints "host port" of a URL such as scheme://user:password@host:port/path
host_and_port() {
  local rest=${1#*://}
  rest=${rest%%[/?]*}
  rest=${rest##*@}
  case $rest in
    *:*) echo "${rest%:*} ${rest##*:}" ;;
    *) echo "$rest $2" ;;
  esac
}

limited() {
  if command -v timeout >/dev/null; then timeout "$@"; else shift && "$@"; fi
}

# Drops the template databases of the tests. Takes the lock of tests/it/support/template.rs: another run on
# the same server may be copying a template.
drop_templates() {
  command -v psql >/dev/null || return 0
  local name
  PGCONNECT_TIMEOUT=3 psql -w -XAtqc "SELECT datname FROM pg_database WHERE datname LIKE 'qtask\\_template\\_%'" "$1" \
    2>/dev/null | while read -r name; do
    psql -w -Xq -v ON_ERROR_STOP=1 -c "SET lock_timeout = '5s'" -c 'SELECT pg_advisory_lock(7146982351)' \
      -c "DROP DATABASE IF EXISTS $name" "$1" >/dev/null 2>&1
  done
}

# --- private services --------------------------------------------------------------------------------------------

# World-readable: PostgreSQL runs as a separate user if this script runs as root. The tests put their
# temporary files there too, so that nothing remains even after an interruption.
make_services_dir() {
  services_dir=$(mktemp -d "${TMPDIR:-/tmp}/qtask-test.XXXXXX")
  mkdir "$services_dir/tmp"
  chmod 755 "$services_dir"
  chmod 1777 "$services_dir/tmp"
  export TMPDIR=$services_dir/tmp
}

free_port() {
  local port
  while :; do
    port=$((15000 + RANDOM % 15000))
    # shellcheck disable=SC2016 # the inner shell expands its own arguments
    bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"' "$port" 2>/dev/null || break
  done
  echo "$port"
}

as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then
    local user=postgres
    id -u $user >/dev/null 2>&1 || user=nobody
    (cd / && exec setpriv --reuid "$(id -u $user)" --regid "$(id -g $user)" --clear-groups "$@")
  else
    "$@"
  fi
}

start_postgres() {
  local home=$services_dir/postgres port user=postgres
  port=$(free_port)
  mkdir "$home"
  if [ "$(id -u)" -eq 0 ]; then
    id -u $user >/dev/null 2>&1 || user=nobody
    chown "$user" "$home"
  fi
  as_postgres "$QTASK_TEST_POSTGRES_BIN/initdb" -U postgres -A trust -E UTF8 --no-locale --no-sync -D "$home/data" \
    >"$services_dir/initdb.log" 2>&1 || { cat "$services_dir/initdb.log" >&2 && die "initdb failed (above)"; }
  # A killed process loses no data without fsync, and the tests run faster.
  as_postgres "$QTASK_TEST_POSTGRES_BIN/pg_ctl" -D "$home/data" -l "$home/log" -w -t 60 -o \
    "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' -c fsync=off -c max_connections=400" \
    start >/dev/null 2>&1 || { cat "$home/log" >&2 && die "PostgreSQL did not start (above)"; }
  export DATABASE_URL=postgres://postgres@127.0.0.1:$port/postgres
}

start_rabbitmq() {
  local home=$services_dir/rabbitmq port epmd_port distribution_port detach=
  port=$(free_port) epmd_port=$(free_port) distribution_port=$(free_port)
  mkdir "$home"
  echo '[].' >"$home/enabled_plugins"
  # In a separate process group: Ctrl-C ends the tests first, and then this script stops the node.
  detach=$(command -v setsid || true)
  # A private epmd, because the one that a node starts outlives it.
  (cd "$home" && exec $detach epmd -address 127.0.0.1 -port "$epmd_port") </dev/null >/dev/null 2>&1 &
  services_epmd=$!
  (
    cd "$home" || exit
    export HOME=$home ERL_EPMD_PORT=$epmd_port ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_NODENAME=qtask$$@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port
    export RABBITMQ_DIST_PORT=$distribution_port RABBITMQ_MNESIA_BASE=$home/mnesia RABBITMQ_LOG_BASE=$home
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
    export RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins
    export RABBITMQ_CONF_ENV_FILE=$home/none.conf RABBITMQ_CONFIG_FILE=$home/none
    # Makes the script exec the node, so that a signal to the child reaches it.
    export RUNNING_UNDER_SYSTEMD=true
    exec $detach "$QTASK_TEST_RABBITMQ_BIN/rabbitmq-server"
  ) </dev/null >"$home/out" 2>&1 &
  services_rabbit=$!
  export RABBITMQ_URL=amqp://guest:guest@127.0.0.1:$port/%2f
  local deadline=$((SECONDS + 90))
  until rabbitmq_answers "$RABBITMQ_URL"; do
    if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "$services_rabbit" 2>/dev/null; then
      tail -n 30 "$home/out" >&2
      die "RabbitMQ did not start (above)"
    fi
    sleep 0.2
  done
}
