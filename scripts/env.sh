#!/usr/bin/env bash
# Writes .env out of .env.example, with a random value for every secret that the example leaves empty.
#
#   scripts/env.sh          in compose/
#   scripts/env.sh DIR      in another copy of it
set -euo pipefail
cd "${1:-$(dirname "$0")/../compose}"

# A file that exists holds the passwords of volumes that exist.
if [ -e .env ]; then
  echo "$PWD/.env exists and stays as it is"
  exit 0
fi

# Prints $2 random characters of the set $1; a few hundred random bytes hold more than enough of them.
random() {
  local characters
  characters=$(head -c 1024 /dev/urandom | LC_ALL=C tr -dc "$1")
  printf '%s' "${characters:0:$2}"
}

env=
while IFS= read -r line; do
  if [[ $line =~ ^[A-Z_]+=$ ]]; then
    # A letter first: some configuration languages read a number otherwise.
    line+=$(random a-z 1)$(random A-Za-z0-9 23)
  fi
  env+=$line$'\n'
done <.env.example

# limit OPTION UNIT: the hard limit of `ulimit -OPTION` in units of one, -1 where there is none.
limit() {
  local limit
  limit=$(ulimit -H"$1")
  if [ "$limit" = unlimited ]; then echo -1; else echo $((limit * $2)); fi
}

# Where no process may raise its limits (CAP_SYS_RESOURCE, bit 24, is withheld) containers have to do with those there are.
may_have=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status 2>/dev/null || true)
if [ -n "$may_have" ] && (( !(0x$may_have >> 24 & 1) )); then
  env+="SUHO_NOFILE=$(limit n 1)"$'\n'
  env+="SUHO_MEMLOCK=$(limit l 1024)"$'\n'
fi

# For the owner alone from the first byte, and never over a file that has appeared meanwhile.
umask 077
set -o noclobber
printf '%s' "$env" >.env
echo "wrote $PWD/.env with random secrets"
