#!/bin/bash
# Makes the database on an empty data volume, as the upstream image does, and becomes the server.
set -euo pipefail

# Options alone are the server's; any other program is a tool of the image (psql, pg_dump) and needs no data.
[[ ${1:-} == -* ]] && set -- postgres "$@"
[[ ${1:-} == postgres ]] || exec "$@"

if ((EUID == 0)); then
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  find "$PGDATA" ! -user postgres -exec chown postgres:postgres {} +
  export HOME=/var/lib/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

[[ -s $PGDATA/PG_VERSION ]] && exec "$@"

# As process 1 the shell would ignore a request to stop that comes in the middle.
trap 'exit 130' INT TERM

[[ -n ${POSTGRES_PASSWORD:-} ]] || {
  echo 'POSTGRES_PASSWORD is not set: the superuser of a new database must have a password' >&2
  exit 1
}
export PGUSER=${POSTGRES_USER:-postgres} PGPASSWORD=$POSTGRES_PASSWORD
export PGDATABASE=${POSTGRES_DB:-$PGUSER}

# Made aside and moved into place when complete: a first start that was cut off begins again from nothing.
made=$PGDATA/.initialising
rm -rf "$made"
read -ra initdb_args <<<"${POSTGRES_INITDB_ARGS:-}"
initdb --no-sync -D "$made" -U "$PGUSER" --pwfile=<(echo "$PGPASSWORD") "${initdb_args[@]}"
echo 'host all all all scram-sha-256' >>"$made/pg_hba.conf"

shopt -s nullglob
run() { psql -X -q -w -v ON_ERROR_STOP=1 "$@"; }

# Nobody can reach this server but by the socket, and what it writes is synced once, at the end. It runs no jobs, because
# they would hold databases that the scripts may want to copy.
"$@" -D "$made" -c listen_addresses= -c fsync=off -c autovacuum=off -c timescaledb.max_background_workers=0 &
server=$!
until pg_isready -q -d postgres; do
  kill -0 "$server"
  sleep 0.02
done

# The extension's own job needs the other edition and would fail in the log at every start.
extend() { run -d "$1" -c 'CREATE EXTENSION timescaledb' -c 'UPDATE _timescaledb_config.bgw_job SET scheduled = false'; }

# Both at once; the user's database is then a copy of template1 and has the extension as well.
extend postgres &
extend template1
wait $!
if [[ $PGDATABASE != postgres ]]; then
  run -d postgres -v name="$PGDATABASE" <<<'CREATE DATABASE :"name"'
fi

for script in /docker-entrypoint-initdb.d/*; do
  echo "running $script"
  case $script in
    *.sh) bash "$script" ;;
    *.sql) run -f "$script" ;;
    *) echo "ignored: only .sh and .sql are run" ;;
  esac
done

kill -INT "$server"
wait "$server"
find "$made" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
sync -f "$PGDATA"
mv -t "$PGDATA" "$made/PG_VERSION"
rmdir "$made"
sync "$PGDATA"

unset PGUSER PGPASSWORD PGDATABASE
trap - INT TERM
exec "$@"
