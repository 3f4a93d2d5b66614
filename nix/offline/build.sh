# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# Runs the command of a derivation with the programs that it asks for.
set -euo pipefail

PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
# Where rustup puts cargo is no directory of the system.
PATH=$(getent passwd "$(id -u)" | cut -d : -f 6)/.cargo/bin:$PATH
for package in ${nativeBuildInputs:-}; do
  PATH=$package/bin:$PATH
done
export PATH
# shellcheck disable=SC1090 # written by Nix
source "$buildCommandPath"
