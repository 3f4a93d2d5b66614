#!/bin/sh
# Hands the volumes to ZooKeeper's user and becomes it, like the official image.
set -eu

if [ "$(id -u)" = 0 ]; then
  chown -R zookeeper:zookeeper /data /datalog
  exec setpriv --reuid=zookeeper --regid=zookeeper --init-groups "$0" "$@"
fi
exec "$@"
