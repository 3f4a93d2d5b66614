#!/usr/bin/env bash
# Nix with a stand-in for nixpkgs, where neither nixpkgs nor a cache of it can be had. The packages of the stand-in are
# programs of this machine, so it builds without a sandbox; as root.
#
#   scripts/offline-nix.sh flake check
#   scripts/offline-nix.sh build .#compose
set -euo pipefail

stand_in=$(cd "$(dirname "$0")/.." && pwd)/nix/offline
exec nix --extra-experimental-features 'nix-command flakes' --option substituters '' --option build-users-group '' \
  --option sandbox false "$@" --override-input nixpkgs "path:$stand_in"
