#!/bin/bash
# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# The two functions of nixpkgs' hook, as programs: each file goes where its ending says.
set -euo pipefail

for file in "$@"; do
  case $file in
    *.bash) to=share/bash-completion/completions/$(basename "$file") ;;
    *.fish) to=share/fish/vendor_completions.d/$(basename "$file") ;;
    *.zsh) to=share/zsh/site-functions/_$(basename "$file" .zsh) ;;
    *.[1-9]) to=share/man/man${file##*.}/$(basename "$file") ;;
    *) echo "installShellFiles: $file has an unknown ending" >&2 && exit 1 ;;
  esac
  install -D -m 644 "$file" "$out/$to"
done
