#!/usr/bin/env bash
# Runs a command and says every few seconds what it is doing and since when; its whole output is shown if it fails.
#
#   scripts/with-progress.sh "building suho" cargo build
set -euo pipefail

label=$1
shift
log=$(mktemp "${TMPDIR:-/tmp}/suho-progress.XXXXXX")
trap 'rm -f "$log"' EXIT

"$@" >"$log" 2>&1 &
command=$!
# The command must not outlive an interrupted wrapper.
trap 'kill "$command" 2>/dev/null; wait "$command" 2>/dev/null; exit 130' INT TERM

SECONDS=0
while kill -0 "$command" 2>/dev/null; do
  sleep 0.2
  if (( SECONDS >= ${next:=3} )); then
    printf '%s: %3d s: %s\n' "$label" "$SECONDS" "$(tr '\r' '\n' <"$log" | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c 1-100 || true)"
    next=$((SECONDS + 3))
  fi
done

if ! wait "$command"; then
  cat "$log" >&2
  printf '%s: failed after %d s\n' "$label" "$SECONDS" >&2
  exit 1
fi
printf '%s: done in %d s\n' "$label" "$SECONDS"
