#!/usr/bin/env bash
# Builds suho-airgap/base:trixie, what every air-gap image stands on: Debian from its archive, without a container registry.
# Does nothing where the image of this very recipe exists already.
set -euo pipefail

image=suho-airgap/base:trixie
mirror=${SUHO_DEBIAN_MIRROR:-http://deb.debian.org}
recipe=$(sha256sum "$0" | cut -d' ' -f1)

if [[ $(docker image inspect --format '{{index .Config.Labels "suho.recipe"}}' "$image" 2>/dev/null) == "$recipe" ]]; then
    echo "$image: up to date"
    exit 0
fi
if ! command -v mmdebstrap >/dev/null; then
    echo "$image: mmdebstrap is missing - install it with 'apt-get install mmdebstrap'" >&2
    exit 1
fi
if [[ $EUID != 0 ]]; then
    echo "$image: only root can own the files of an image - run this script as root" >&2
    exit 1
fi

tarball=$(mktemp --suffix=.tar)
trap 'rm -f "$tarball"' EXIT

# The newest date a file may carry; packages unpacked twice give the same files.
export SOURCE_DATE_EPOCH=1767225600

echo "$image: unpacking Debian trixie from $mirror"
# A container's programs are read by nobody's man: only the licences of the documentation stay.
mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='Acquire::Languages "none"' \
    --aptopt='APT::Install-Recommends "false"' \
    trixie "$tarball" \
    "deb $mirror/debian trixie main" \
    "deb $mirror/debian trixie-updates main" \
    "deb $mirror/debian-security trixie-security main"

echo "$image: importing"
docker import --change "LABEL suho.recipe=$recipe" --change 'CMD ["/bin/bash"]' \
    --message 'Debian trixie, minbase with ca-certificates' "$tarball" "$image" >/dev/null
echo "$image: done, $(docker image inspect --format '{{.Size}}' "$image" | numfmt --to=si)B"
