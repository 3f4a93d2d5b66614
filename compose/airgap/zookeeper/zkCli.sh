#!/usr/bin/env bash
# ZooKeeper's shell: without arguments on the server of this container.
set -euo pipefail

read -ra options <<<"${CLIENT_JVMFLAGS-} -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
printf -v classpath '%s:' /opt/zookeeper/libs/*.jar
exec /opt/java/bin/java -XX:SharedArchiveFile=/opt/zookeeper/classes.jsa "${options[@]}" \
  -cp "${classpath%:}" org.apache.zookeeper.ZooKeeperMain "$@"
