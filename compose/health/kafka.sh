#!/usr/bin/env bash
# Healthy means: the broker answers a request for its API versions, the one request that needs no user. No JVM is started,
# because a check every few seconds must not cost a core for one of them.
set -euo pipefail

exec 3<>/dev/tcp/127.0.0.1/29092
# size 16 | key 18 (ApiVersions), version 0 | correlation id "suho" | client id "health"
printf '\x00\x00\x00\x10\x00\x12\x00\x00suho\x00\x06health' >&3
# size | correlation id | error code; a broker that accepts and never answers must not hold the check.
answer=$(timeout 4 head -c 10 <&3 | od -An -v -tx1 | tr -d ' \n') || true

if [[ $answer != ????????7375686f0000 ]]; then
  echo "no answer with API versions, but: ${answer:-nothing}" >&2
  exit 1
fi
