# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# The phases of nixpkgs' builder that suho's packages set, by this machine's cargo, unoptimised, in a cache of its own.
home=$(getent passwd "$(id -u)" | cut -d : -f 6)
export CARGO_HOME=$home/.cargo CARGO_TARGET_DIR=$home/.cache/suho/target CARGO_NET_OFFLINE=true HOME=$home
# Where it lies in the store its path tells its content, so that cargo takes nothing old for it.
cd "$src" || exit

if [ -n "${buildPhase:-}" ]; then
  eval "$buildPhase"
else
  # shellcheck disable=SC2086 # a list
  cargo build --locked ${cargoBuildFlags:-}
fi
cd "$NIX_BUILD_TOP" || exit
if [ -n "${installPhase:-}" ]; then
  eval "$installPhase"
else
  install -D "$CARGO_TARGET_DIR/debug/suho" "$out/bin/suho"
fi
eval "${postInstall:-}"
