# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# Copies a deployment with its settings changed, and checks every file of it. From its derivation: $files, $settingsPath, $out.
set -euo pipefail

suho config merge --directory "$files" --settings "$settingsPath" --output "$out"
cd "$out"

# Names, kinds and syntax, for every engine.
suho config check --directory .

# The engines' own checkers.
data=$(mktemp -d)
cp postgresql.conf "$data/checked.conf"
# A Mac has no posix_fadvise, without which PostgreSQL refuses this line there.
[ "$(uname)" != Darwin ] || sed -i '/^effective_io_concurrency/d' "$data/checked.conf"
postgres -C shared_buffers -D "$data" -c config_file="$data/checked.conf" >/dev/null
xmllint --noout clickhouse-config.xml clickhouse-users.xml
SUHO_NATS_PASSWORD=checked SUHO_NATS_SYSTEM_PASSWORD=checked nats-server -t -c nats-server.conf

# Each variable that the example leaves empty has to be given.
sed -n 's/^\([A-Z_]*\)=$/\1=checked/p' .env.example >"$data/env"
docker-compose --env-file "$data/env" --file docker-compose.yml config --quiet

# Those who watch, where the deployment has them: the alerts are also held against their unit tests.
[ -e docker-compose.monitoring.yml ] || exit 0
docker-compose --env-file "$data/env" --file docker-compose.yml --file docker-compose.monitoring.yml config --quiet
cd monitoring
promtool check config --syntax-only prometheus.yml
promtool check rules --lint-fatal recordings.yml alerts.yml
promtool test rules alerts.tests.yml
jq empty grafana/dashboards/*.json
