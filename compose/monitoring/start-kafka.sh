#!/usr/bin/env bash
# Becomes the broker with the JMX exporter's agent, whose version is the image's own.
set -euo pipefail
agents=(/usr/share/java/cp-base-new/jmx_prometheus_javaagent-*.jar)
export KAFKA_OPTS="-javaagent:${agents[0]}=7071:/etc/suho/kafka-jmx.yml"
exec kafka-server-start /etc/suho/kafka.properties
