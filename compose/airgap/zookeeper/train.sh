#!/usr/bin/env bash
# Runs a server of the deployment's kind once, asks it everything that the deployment asks, and keeps the classes in an
# archive.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work" /conf/zoo.cfg' EXIT

cat >/conf/zoo.cfg <<-END
	dataDir=$work/data
	dataLogDir=$work/datalog
	clientPort=2181
	autopurge.purgeInterval=1
	admin.serverPort=8080
	metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider
	metricsProvider.httpPort=7000
END

JVMFLAGS=-XX:ArchiveClassesAtExit=/opt/zookeeper/classes.jsa zkServer.sh start-foreground &
server=$!

until echo srvr | nc 127.0.0.1 2181 | grep '^Mode:'; do sleep 0.1; done
zkCli.sh create /training one
printf 'GET /commands/configuration HTTP/1.0\r\n\r\n' | nc 127.0.0.1 8080 >/dev/null
printf 'GET /metrics HTTP/1.0\r\n\r\n' | nc 127.0.0.1 7000 >/dev/null

# A JVM that is told to stop exits with 143.
kill "$server"
wait "$server" || [[ $? -eq 143 ]]
test -s /opt/zookeeper/classes.jsa
