#!/usr/bin/env bash
# Creates the topics of declarations.conf that are missing and leaves the others as they are.
#
# It speaks Kafka's protocol by itself: kafka-topics would take a JVM for every topic, seconds each.
set -euo pipefail
export LC_ALL=C

declarations=/etc/suho/declarations.conf
host=suho-kafka
port=29092

fail() {
  echo "create-topics: $*" >&2
  exit 1
}

# --- Requests: text with \xHH for bytes, because no variable of the shell can hold a zero ---
int16() { printf '\\x%02x\\x%02x' $(($1 >> 8 & 255)) $(($1 & 255)); }
int32() { int16 $(($1 >> 16)) && int16 "$1"; }
string() { int16 ${#1} && printf '%s' "$1"; }

# request KEY VERSION BODY: sends it and leaves the body of the answer, in hexadecimal, in $answer.
request() {
  local message size
  message=$(int16 "$1" && int16 "$2" && int32 0 && string create-topics)$3
  size=${message//\\x??/.}
  printf '%b' "$(int32 ${#size})$message" >&3
  size=$(receive 4)
  [[ -n $size ]] || fail "$host:$port closed the connection or did not answer"
  answer=$(receive $((16#$size)))
  answer=${answer:8} # the correlation id
}
receive() { { timeout 30 head -c "$1" <&3 || true; } | od -An -v -tx1 | tr -d ' \n'; }

# --- Answers: each of these takes what it reads off the front of $answer ---
take_int() { # BYTES VARIABLE
  printf -v "$2" %d $((16#${answer:0:$1*2}))
  answer=${answer:$1*2}
}
take_string() { # VARIABLE
  local length text=
  take_int 2 length
  ((length != 65535)) || length=0 # null
  for ((; length > 0; length--)); do
    text+=\\x${answer:0:2}
    answer=${answer:2}
  done
  printf -v "$1" %b "$text"
}

declare error reason name

# --- Log in: SaslHandshake, SaslAuthenticate ---
exec 3<>"/dev/tcp/$host/$port" || fail "$host:$port does not accept connections"
request 17 1 "$(string PLAIN)"
credentials="\x00broker\x00$SUHO_KAFKA_BROKER_PASSWORD"
size=${credentials//\\x??/.}
request 36 0 "$(int32 ${#size})$credentials"
take_int 2 error
take_string reason
((error == 0)) || fail "user broker is refused: $reason (error $error)"

# --- CreateTopics, all of them at once ---
topics=
count=0
while read -r kind name settings; do
  [[ $kind == topic ]] || continue
  read -ra settings <<<"$settings"
  [[ ${settings[0]-} == partitions=* ]] || fail "$declarations: topic $name does not begin with partitions=N"
  # partitions, replicas, assignments (none), settings
  topics+=$(string "$name" && int32 "${settings[0]#*=}" && int16 1 && int32 0 && int32 $((${#settings[@]} - 1)))
  for setting in "${settings[@]:1}"; do
    topics+=$(string "${setting%%=*}" && string "${setting#*=}")
  done
  count=$((count + 1))
done <"$declarations"

# timeout in milliseconds, validate only: no
request 19 4 "$(int32 $count)$topics$(int32 20000)\x00"
answer=${answer:8} # how long the broker throttled us
take_int 4 count
failed=0
while ((count-- > 0)); do
  take_string name
  take_int 2 error
  take_string reason
  case $error in
    0) echo "created $name" ;;
    36) echo "found $name" ;;
    *)
      echo "create-topics: $name is refused: $reason (error $error)" >&2
      failed=1
      ;;
  esac
done
exit "$failed"
