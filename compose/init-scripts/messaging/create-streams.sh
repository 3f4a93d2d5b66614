#!/bin/sh
# Creates the streams of declarations.conf that are missing and leaves the others as they are.
#
# It speaks NATS's protocol by itself, through nc: the server's image has no other client.
set -eu
export LC_ALL=C

declarations=/etc/suho/declarations.conf
host=suho-nats-server
port=4222
inbox=_INBOX.create-streams.$$

fail() {
  echo "create-streams: $*" >&2
  exit 1
}

# --- The connection: what is written to 3 goes to the server, what it says is read from 4 ---
pipes=$(mktemp -d)
trap 'rm -rf "$pipes"' EXIT
trap '' PIPE # a connection that broke is noticed by the next read
mkfifo "$pipes/to" "$pipes/from"
# The end of nc is the end of waiting: a read then finds the end of the pipe.
timeout 30 nc "$host" "$port" <"$pipes/to" >"$pipes/from" &
exec 3>"$pipes/to" 4<"$pipes/from"
carriage_return=$(printf '\r')

send() { printf '%s\r\n' "$@" >&3; }

receive() { # leaves the next line in $line
  IFS= read -r line <&4 || fail "$host:$port closed the connection or did not answer"
  line=${line%"$carriage_return"}
}

# expect WORD: leaves in $line the first line that begins with it.
expect() {
  while receive; do
    case $line in
      "$1"*) return ;;
      -ERR*) fail "$host:$port answers ${line#-ERR }" ;;
      PING) send PONG ;;
    esac
  done
}

# request SUBJECT PAYLOAD: leaves the answer, JSON on one line, in $line.
request() {
  send "PUB \$JS.API.$1 $inbox ${#2}" "$2"
  expect MSG
  receive
}

# --- Log in: with a wrong password the answer to PING is an error ---
expect INFO
send "CONNECT {\"user\":\"suho\",\"pass\":\"$SUHO_NATS_PASSWORD\",\"name\":\"create-streams\",\"verbose\":false,\"pedantic\":false}" \
  "SUB $inbox 1" PING
expect PONG

# --- The streams ---
failed=0
while read -r kind stream; do
  [ "$kind" = stream ] || continue
  case $stream in
    *'"name":"'*) ;;
    *) fail "$declarations: a stream has no name: $stream" ;;
  esac
  name=${stream#*\"name\":\"}
  name=${name%%\"*}
  request "STREAM.INFO.$name" ""
  outcome=found
  case $line in
    *'"err_code":10059'*) outcome=created ;; # stream not found
  esac
  # Where it exists the server compares: the same configuration is a success, another one is error 10058.
  request "STREAM.CREATE.$name" "$stream"
  case $line in
    *'"err_code":10058'*) echo "found $name, which differs from its declaration and is left as it is" ;;
    *'"error":'*)
      error=${line#*\"error\":}
      echo "create-streams: $name is refused: ${error%%\}*}}" >&2
      failed=1
      ;;
    *) echo "$outcome $name" ;;
  esac
done <"$declarations"
exit "$failed"
