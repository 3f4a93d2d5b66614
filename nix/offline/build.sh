# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# Runs the command of a derivation with the programs that it asks for, and those that nixpkgs' stdenv has.
set -euo pipefail

stdenv=(
  awk bash cat cc c++ chmod cmp cp cut date diff dirname basename env expr find g++ gcc getent grep gzip head id install ld
  ar as ln ls make mkdir mktemp mv nm nproc objcopy od patch paste printf pwd ranlib readelf readlink realpath rm rmdir sed
  sh sha256sum sort stat strip tail tar tee test touch tr uname uniq wc xargs xz
)
# Where the programs of this machine are; rustup puts its own into no directory of the system.
export hostPath=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
hostPath=$(PATH=$hostPath; getent passwd "$(id -u)" | cut -d : -f 6)/.cargo/bin:$hostPath
stdenvPath=$(/usr/bin/mktemp -d)
for program in "${stdenv[@]}"; do
  /usr/bin/ln -s "$(PATH=$hostPath type -P "$program")" "$stdenvPath/$program"
done
PATH=$stdenvPath
for package in ${nativeBuildInputs:-}; do
  PATH=$package/bin:$PATH
done
export PATH
# shellcheck disable=SC1090 # written by Nix
source "$buildCommandPath"
