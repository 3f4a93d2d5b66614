#!/bin/sh
# Becomes Prometheus, with ArangoDB's password in a file that only it may read: its configuration knows no variables.
set -eu
umask 077
printf %s "$SUHO_ARANGODB_PASSWORD" >/tmp/arangodb-password
exec prometheus --config.file=/etc/suho/prometheus.yml --storage.tsdb.path=/prometheus \
  --storage.tsdb.retention.time=15d --storage.tsdb.retention.size=4GB
