# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# The phases of nixpkgs' builder that suho's packages set, by this machine's cargo, unoptimised, in a cache of its own.
HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)
cache=$HOME/.cache/suho
export HOME CARGO_HOME=$HOME/.cargo CARGO_TARGET_DIR=$cache/target CARGO_NET_OFFLINE=true

# nixpkgs' builder brings the compiler, and ours needs a way to copy.
for program in cargo rustc rustdoc rsync; do
  ln -s "$(PATH=$hostPath command -v $program)" "$stdenvPath/$program"
done

# In the store every file is as old as time itself, by which cargo tells what has changed. In this copy only what has
# changed is new.
mkdir -p "$cache/source/$pname"
rsync --recursive --links --checksum --delete --chmod=u+w "$src/" "$cache/source/$pname"
cd "$cache/source/$pname" || exit

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
