#!/usr/bin/env bash
# Writes compose/.env out of .env.example, with a random value for every secret that the example leaves empty.
set -euo pipefail
cd "$(dirname "$0")/../compose"

# A file that exists holds the passwords of volumes that exist.
if [ -e .env ]; then
  echo 'compose/.env exists and stays as it is'
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

# For the owner alone from the first byte, and never over a file that has appeared meanwhile.
umask 077
set -o noclobber
printf '%s' "$env" >.env
echo 'wrote compose/.env with random secrets'
