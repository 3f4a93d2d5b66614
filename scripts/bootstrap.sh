#!/usr/bin/env bash
# Installs what this machine lacks to run the stack, and starts the Docker engine where none runs. Debian and its kin.
#
#   scripts/bootstrap.sh          says what it will install and asks
#   scripts/bootstrap.sh airgap   also what builds the air-gap images, where a registry can be reached as well
#   YES=1 scripts/bootstrap.sh    goes on without asking, as it does under CI or where there is no terminal
#
# On a machine that has Docker, compose v2, a C toolchain and Rust it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

rust_version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
plugins=/usr/local/lib/docker/cli-plugins
missing=()
purpose=${1:-}

have() { command -v "$1" >/dev/null 2>&1; }
docker_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
with_progress() { scripts/with-progress.sh "$@"; }

# Any answer of a registry will do, a refusal too: it means that images can be pulled.
registry_answers() { have curl && curl -sS -o /dev/null --max-time 5 https://registry-1.docker.io/v2/ 2>/dev/null; }

# True where cargo is at least the version that Cargo.toml names.
rust_is_recent() {
  have cargo && printf '%s\n%s\n' "$rust_version" "$(cargo --version | cut -d ' ' -f 2)" | sort -CV
}

find_missing() {
  have dockerd || docker_answers || missing+=(docker.io)
  # Containers reach the world through the engine's address translation.
  have dockerd && ! have iptables && missing+=(iptables)
  docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
  have cc || missing+=(gcc libc6-dev)
  have make || missing+=(make)
  have curl || missing+=(curl)
  have mmdebstrap || { [ "$purpose" != airgap ] && registry_answers; } || missing+=(mmdebstrap)
  [ -z "${CI:-}" ] || have shellcheck || missing+=(shellcheck)
  rust_is_recent || missing+=("rust>=$rust_version")
}

confirm() {
  echo "bootstrap will install: ${missing[*]}"
  if [ -n "${YES:-}${CI:-}" ] || [ ! -t 0 ]; then return; fi
  read -r -p 'go on? [y/N] ' answer
  [[ $answer == [yY]* ]] || { echo 'bootstrap: nothing was installed' >&2; exit 1; }
}

install_packages() {
  have apt-get || {
    echo "bootstrap: no apt-get here: install ${missing[*]} by the means of this system, then run it again" >&2
    exit 1
  }
  with_progress 'reading package lists' as_root apt-get update
  with_progress "installing $*" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Debian 12 has no compose v2. The program of Debian 13 is static and runs there too; apt checks its signature.
install_compose() {
  if apt-cache show docker-compose 2>/dev/null | grep -q '^Version: 2'; then
    install_packages docker-compose
    return
  fi
  local dir
  dir=$(mktemp -d)
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' >"$dir/sources.list"
  local apt=(apt-get -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$dir/lists"
    -o "Dir::Cache=$dir/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=)
  with_progress 'reading package lists of Debian 13' "${apt[@]}" update
  (cd "$dir" && "${apt[@]}" -qq download docker-compose && dpkg-deb -x docker-compose_*.deb root)
  as_root install -D -t "$plugins" "$dir/root/usr/libexec/docker/cli-plugins/docker-compose"
  rm -rf "$dir"
}

install_rust() {
  have rustup || {
    curl -sSf --proto '=https' https://sh.rustup.rs -o /tmp/rustup-init.sh || {
      echo "bootstrap: rustup cannot be reached: install Rust $rust_version or newer by the means of this system" >&2
      exit 1
    }
    with_progress 'installing rustup' sh /tmp/rustup-init.sh -y --profile minimal -c clippy -c rustfmt
    return
  }
  with_progress 'updating Rust' rustup update stable
}

# Detached: an own session and no pipe of ours, so that whoever called us is not waited for.
start_docker() {
  if [ -d /run/systemd/system ]; then
    as_root systemctl start docker
  else
    as_root setsid --fork dockerd </dev/null >/tmp/suho-dockerd.log 2>&1
  fi
  local tries=0
  until docker_answers; do
    tries=$((tries + 1))
    if [ "$tries" -gt 150 ]; then
      echo 'bootstrap: the Docker engine does not answer; its last lines:' >&2
      tail -n 20 /tmp/suho-dockerd.log >&2 || true
      exit 1
    fi
    sleep 0.2
  done
  echo "Docker engine $(docker version --format '{{.Server.Version}}') started"
}

find_missing
if [ "${#missing[@]}" -gt 0 ]; then
  confirm
  packages=()
  for item in "${missing[@]}"; do
    [[ $item == docker-compose || $item == rust* ]] || packages+=("$item")
  done
  [ "${#packages[@]}" -eq 0 ] || install_packages "${packages[@]}"
  [[ " ${missing[*]} " != *' docker-compose '* ]] || install_compose
  [[ " ${missing[*]} " != *' rust'* ]] || install_rust
fi
docker_answers || start_docker
