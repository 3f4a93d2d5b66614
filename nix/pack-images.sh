# shellcheck shell=bash disable=SC2154 # the variables are set by Nix
# Puts the blobs of images together as one archive. From its derivation: $blobsPath (lines of path, size and file),
# $configsPath (lines of reference and path), $indexPath, $forDockerPath, $layoutPath, $architecture, $out.
set -euo pipefail

mkdir -p blobs/sha256
while read -r path size file; do
  got=$(stat -Lc %s "$file")
  if [ "$got" != "$size" ]; then
    echo "$path has $got bytes, the manifest says $size" >&2
    exit 1
  fi
  ln -sf "$file" "$path"
done <"$blobsPath"

# A pin may be of a single platform, which only the config tells.
while read -r reference path; do
  platform=$(jq -r '"\(.os)/\(.architecture)"' "$path")
  if [ "$platform" != "linux/$architecture" ]; then
    echo "$reference is for $platform, not for linux/$architecture" >&2
    exit 1
  fi
done <"$configsPath"

cp "$indexPath" index.json
cp "$forDockerPath" manifest.json
cp "$layoutPath" oci-layout
tar --create --file "$out" --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
  --mode=u=rw,go=r --no-recursion --dereference --hard-dereference \
  index.json manifest.json oci-layout blobs/sha256/*
