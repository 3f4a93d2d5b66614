#!/usr/bin/env bash
# Serves /conf/zoo.cfg in the foreground, the one thing that a container asks of the script of this name.
set -euo pipefail

if [[ $# -ne 1 || $1 != start-foreground ]]; then
  echo "usage: zkServer.sh start-foreground" >&2
  exit 2
fi

home=/opt/zookeeper
read -ra options <<<"${SERVER_JVMFLAGS-} ${JVMFLAGS-}"
# An archive of classes is valid for one class path in one order, which a wildcard leaves to the file system.
printf -v classpath '%s:' "$home"/libs/*.jar
# It is missing in the run that makes it, and comes first so that JVMFLAGS may name another.
if [[ -e $home/classes.jsa ]]; then
  options=("-XX:SharedArchiveFile=$home/classes.jsa" "${options[@]}")
fi
exec /opt/java/bin/java \
  -Dorg.slf4j.simpleLogger.logFile=System.out \
  -Dorg.slf4j.simpleLogger.showDateTime=true \
  -Dorg.slf4j.simpleLogger.dateTimeFormat="yyyy-MM-dd HH:mm:ss,SSS" \
  "${options[@]}" -cp "${classpath%:}" org.apache.zookeeper.server.quorum.QuorumPeerMain /conf/zoo.cfg
